-- Takes out what a snapshot is about to take the place of, some keys at a time, found by their names: what a
-- script that died has left is in no set, or in sets that contradict one another. What stays is each
-- completed task that no entry behind the snapshot has touched, of which the log brings none again. The sets
-- go, whatever they hold, and a second pass lists what stayed.
-- KEYS[1]  prefix of the mesh, see keys.lua
-- ARGV[1]  token   ARGV[2] step   ARGV[3] about how many keys
-- Returns  1 while there is more to do, 0 at the end
--- @include "keys.lua"
--- @include "state.lua"
--- @include "dump-record.lua"
--- @include "before-images.lua"
--- @include "working-set.lua"
--- @include "options.lua"
--- @include "counts.lua"
--- @include "flush.lua"
--- @include "restoring.lua"
--- @include "what-stays.lua"
local interrupted = take_step()
if interrupted then return interrupted end
local pass, cursor, keep = unpack(redis.call("HMGET", RESTORING, "pass", "cursor", "keep"))

local function remove(families, ids)
  local doomed = {}
  for i, family in ipairs(families) do
    if FOLLOWS[family] or (OF_ONE_TASK[family] and not stays(ids[i], tonumber(keep))) then
      doomed[#doomed + 1] = PREFIX .. family .. ids[i]
    end
  end
  for first = 1, #doomed, MAX_ARGS do
    redis.call("UNLINK", unpack(doomed, first, math.min(first + MAX_ARGS - 1, #doomed)))
  end
end

-- As if they were new: that puts them into every set that follows from a state.
local function list(families, ids)
  local found = {}
  for i, family in ipairs(families) do
    if family == "task:" and not redis.call("ZSCORE", ALL, ids[i]) then found[#found + 1] = ids[i] end
  end
  load(found)
  for _, id in ipairs(found) do
    if not is_changed[id] then
      stored_status[id], is_changed[id], changed[#changed + 1] = nil, true, id
    end
  end
  flush()
  redis.call("UNLINK", SETTLING) -- which of them are to be settled the snapshot says
end

if pass == "remove" and cursor == "0" then
  redis.call("UNLINK", unpack(SETS))
  drop_unless("zset", QUEUES)
  drop_unless("stream", EVENTS)
end
local pattern = string.gsub(PREFIX, "[%*%?%[%]\\]", "\\%0") .. "*"
local scanned = redis.call("SCAN", cursor, "MATCH", pattern, "COUNT", ARGV[3])
local families, ids = {}, {}
for i, key in ipairs(scanned[2]) do
  families[i], ids[i] = string.match(string.sub(key, #PREFIX + 1), "^([^:]*:?)(.*)$")
end
if pass == "remove" then remove(families, ids) else list(families, ids) end
local is_over = scanned[1] == "0"
if is_over and pass == "list" then return 0 end
redis.call("HSET", RESTORING, "cursor", scanned[1], "pass", is_over and "list" or pass)
return 1
