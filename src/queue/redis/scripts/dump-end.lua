-- Ends a dump, wherever it is; one of another owner is left alone.
-- KEYS[1]  prefix of the mesh, see keys.lua
-- ARGV[1]  owner
-- Returns  whether it was there, 1 or 0
--- @include "keys.lua"
if redis.call("HGET", DUMP, "owner") ~= ARGV[1] then return 0 end
redis.call("UNLINK", DUMP, DUMP_IMAGES, DUMP_DATA, DUMP_KEYS)
return 1
