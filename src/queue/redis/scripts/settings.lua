-- Keeps what is set in the mesh (schedules, queues, drained nodes) beside the tasks, for the case that all
-- disks are lost: see recovery. It is no part of what the log decides, and may be a little behind it.
-- KEYS[1]  prefix of the mesh, see keys.lua
-- ARGV[1]  index of the entry that it is of   ARGV[2] the tables, as frames of a snapshot
-- Returns  1; 0 where a later one is kept
--- @include "keys.lua"
local kept = tonumber(redis.call("HGET", SETTINGS, "index") or "0")
if kept > tonumber(ARGV[1]) then return 0 end
redis.call("HSET", SETTINGS, "index", ARGV[1], "tables", ARGV[2])
return 1
