-- Begins to load a snapshot. From here to its end nothing is applied; whoever finds it half done
-- begins anew. Ends a dump, or a count of tasks, that is under way.
-- KEYS[1]  prefix of the mesh, see keys.lua
-- ARGV[1]  token   ARGV[2] term of the leader that restores   ARGV[3] index of the snapshot
-- ARGV[4]  applied index that was found, -1 for a restore half done
-- Returns  "OK"; error "RESTOREINTERRUPTED …" where Redis is not as it was found, or where a leader
--          of a later term restores
--- @include "keys.lua"
local term = tonumber(redis.call("HGET", RESTORING, "term"))
local applied = term and "-1" or string.match(redis.call("GET", APPLIED) or "0", "^%d+")
if applied ~= ARGV[4] or (term and term > tonumber(ARGV[2])) then
  return redis.error_reply("RESTOREINTERRUPTED Redis has applied entry " .. applied)
end
redis.call("UNLINK", DUMP, DUMP_IMAGES, DUMP_DATA, DUMP_KEYS, SETTLING, COUNTING, COUNTED, SETTINGS)
redis.call("HSET", RESTORING, "token", ARGV[1], "term", ARGV[2], "index", ARGV[3], "step", 0)
redis.call("SET", APPLIED, "0 0")
redis.call("PUBLISH", APPLIED, 0)
return redis.status_reply("OK")
