-- Begins to load a snapshot. From here to its end nothing is applied; whoever finds it half done
-- begins anew. Ends a dump, or a count of tasks, that is under way.
-- KEYS[1]  prefix of the mesh, see keys.lua
-- ARGV[1]  token   ARGV[2] term of the leader that restores   ARGV[3] index of the snapshot
-- ARGV[4]  applied index that was found, -1 for a restore half done and where a script died half done
-- ARGV[5]  identity of the mesh, "-" for none
-- Returns  "OK"; error "RESTOREINTERRUPTED …" where Redis is not as it was found, or where a leader
--          of a later term restores; error "FOREIGNMESH <identity>" where this is another mesh's queue
--- @include "keys.lua"
--- @include "applied.lua"
local refused = position.open(ARGV[5])
if refused then return refused end
local applied, term = position.index, nil

-- Last entry of which all is there, whatever a script that died, or a restore, has done since.
local whole = tonumber(applied == NOT_WHOLE and position.last or applied) or 0
if redis.call("EXISTS", RESTORING) == 1 then
  local held = redis.pcall("HMGET", RESTORING, "term", "keep")
  applied, term, whole = NOT_WHOLE, tonumber(held[1]), tonumber(held[2]) or 0
end
if applied ~= ARGV[4] or (term and term > tonumber(ARGV[2])) then
  return redis.error_reply("RESTOREINTERRUPTED Redis has applied entry " .. applied)
end

-- The mark first, so that nothing below is believed before its end.
if not term then redis.call("UNLINK", RESTORING) end
redis.call("HSET", RESTORING, "token", ARGV[1], "term", ARGV[2], "index", ARGV[3], "step", 0,
  "keep", math.min(whole, tonumber(ARGV[3])), "pass", "remove", "cursor", "0")
redis.call("UNLINK", SETTINGS)
position.write(0, 0, "-")
redis.call("PUBLISH", APPLIED, 0)
return redis.status_reply("OK")
