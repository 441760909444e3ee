-- Begins to count the tasks of each queue, to hold the counts that are kept against them. From here on
-- counts.lua is told what changes behind it. One at a time: another one that is under way is lost, and
-- that of an owner who is gone ends by itself when its lease does.
-- KEYS[1]  prefix of the mesh, see keys.lua
-- ARGV[1]  owner   ARGV[2] lease in ms
-- Returns  "OK"; error "COUNTINGLOST …" while a snapshot is being loaded, or has to be
--- @include "keys.lua"
--- @include "applied.lua"
position.open("-")
if redis.call("EXISTS", RESTORING) == 1 or position.index == NOT_WHOLE then
  return redis.error_reply("COUNTINGLOST a snapshot is loaded")
end
redis.call("UNLINK", COUNTING, COUNTED)
redis.call("HSET", COUNTING, "owner", ARGV[1], "lease_ms", ARGV[2], "step", 0, "after", "-inf", "queue", "")
redis.call("PEXPIRE", COUNTING, ARGV[2])
return redis.status_reply("OK")
