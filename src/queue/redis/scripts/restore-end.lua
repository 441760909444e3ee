-- Ends the loading of a snapshot: Redis reflects the log up to it, and entries are applied again. The
-- events before it are not known: see apply.lua.
-- KEYS[1]  prefix of the mesh, see keys.lua
-- ARGV[1]  token   ARGV[2] step   ARGV[3] index of the snapshot   ARGV[4] its term
-- ARGV[5]  identity of the mesh, "-" for none
--- @include "keys.lua"
--- @include "applied.lua"
--- @include "restoring.lua"
local interrupted = take_step()
if interrupted then return interrupted end
position.open(ARGV[5])
position.write(ARGV[3], ARGV[4], "-")
redis.call("UNLINK", RESTORING)
redis.call("PUBLISH", APPLIED, ARGV[3])
return redis.status_reply("OK")
