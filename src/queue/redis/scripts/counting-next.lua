-- Counts the next tasks by queue and status, in the order of their sequence; when all are counted,
-- compares the next queues. What a batch changes of a task that is counted already, counts.lua adds in the
-- same atomic step as to the counts that are kept: at the end both are of one moment, whatever goes on.
-- KEYS[1]  prefix of the mesh, see keys.lua
-- ARGV[1]  owner   ARGV[2] step, 0 for the first   ARGV[3] most tasks   ARGV[4] most queues
-- Returns  {done, queue, status, count that is kept, tasks that there are, …}: done is 1 at the end;
--          error "COUNTINGLOST …" where the count is not there as this step knows it: Redis was emptied,
--          lost writes, is being restored, or another audit counts
--- @include "keys.lua"
--- @include "state.lua"
--- @include "counts.lua"
local held = redis.call("HMGET", COUNTING, "owner", "step", "lease_ms", "after", "queue")
local owner, step, lease_ms, after, queue = unpack(held)
if owner ~= ARGV[1] or step ~= ARGV[2] then
  return redis.error_reply("COUNTINGLOST " .. (owner and "another step or owner" or "no count"))
end

-- To the end: a task that is submitted later counts as one that is behind.
local function count_tasks()
  local found, keys, counted = redis.call("ZRANGEBYSCORE", ALL, "(" .. after, "+inf", "WITHSCORES", "LIMIT", 0, ARGV[3]), {}, {}
  for i = 1, #found, 2 do keys[#keys + 1] = STATE .. found[i] end
  for _, value in ipairs(#keys > 0 and redis.call("MGET", unpack(keys)) or {}) do
    local state = value and unpack_state(value)
    if state and HAS_COUNT[state[STATUS]] then
      local field = state[STATUS] .. ":" .. queue_of(state[LANE])
      counted[field] = (counted[field] or 0) + 1
    end
  end
  for field, count in pairs(counted) do redis.call("HINCRBY", COUNTED, field, count) end
  after = #keys < tonumber(ARGV[3]) and "+inf" or found[#found]
end

local function compare(name, differences)
  local kept, counts = {}, redis.call("ZRANGE", COUNTS .. name, 0, -1, "WITHSCORES")
  for i = 1, #counts, 2 do kept[counts[i]] = counts[i + 1] end
  for status in pairs(HAS_COUNT) do
    local count = redis.call("HGET", COUNTED, status .. ":" .. name) or "0"
    local said = kept[tostring(status)] or "0"
    if tonumber(said) ~= tonumber(count) then
      for _, value in ipairs({ name, tostring(status), said, count }) do differences[#differences + 1] = value end
    end
  end
end

local reply = { 0 }
if after ~= "+inf" then
  count_tasks()
else
  local from = queue == "" and "-" or "(" .. queue
  local names = redis.call("ZRANGEBYLEX", QUEUES, from, "+", "LIMIT", 0, ARGV[4])
  for _, name in ipairs(names) do compare(name, reply) end
  if #names < tonumber(ARGV[4]) then
    redis.call("UNLINK", COUNTING, COUNTED)
    reply[1] = 1
    return reply
  end
  queue = names[#names]
end
redis.call("HSET", COUNTING, "step", tonumber(step) + 1, "after", after, "queue", queue)
redis.call("PEXPIRE", COUNTING, lease_ms)
redis.call("PEXPIRE", COUNTED, 2 * lease_ms)
return reply
