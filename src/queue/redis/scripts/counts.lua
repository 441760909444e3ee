-- How many tasks of each queue are scheduled or have ended. Those that are pending or running are
-- not counted here: their lanes, and the table of assignments, have a size.
local HAS_COUNT = { [SCHEDULED] = true, [COMPLETED] = true, [DEAD] = true, [CANCELLED] = true }
-- Lane -> status -> change: of all tasks, and of those that the audit under way has counted.
local tallies, audit_tallies = {}, {}
-- The sequence that the audit has come to; nil where none is under way. See counting-next.lua.
local counted_to = tonumber(redis.call("HGET", COUNTING, "after"))

local function add_change(changes, lane, before, now)
  local of_lane = changes[lane]
  if not of_lane then
    of_lane = {}
    changes[lane] = of_lane
  end
  if HAS_COUNT[before] then of_lane[before] = (of_lane[before] or 0) - 1 end
  if HAS_COUNT[now] then of_lane[now] = (of_lane[now] or 0) + 1 end
end

-- A task goes from one status to another; nil where it is not there.
local function tally(state, before, now)
  if not (HAS_COUNT[before] or HAS_COUNT[now]) then return end
  add_change(tallies, state[LANE], before, now)
  if counted_to and tonumber(state[SEQUENCE]) <= counted_to then
    add_change(audit_tallies, state[LANE], before, now)
  end
end

local function queue_of(lane)
  return string.match(lane, ":(.*)$")
end

-- A sorted set, whose bytes depend on the counts alone: a hash keeps the order of what came first.
local function write_counts()
  for lane, of_lane in pairs(tallies) do
    local key = COUNTS .. queue_of(lane)
    for status, change in pairs(of_lane) do
      if change ~= 0 and tonumber(redis.call("ZINCRBY", key, change, status)) == 0 then
        redis.call("ZREM", key, status)
      end
    end
  end
  for lane, of_lane in pairs(audit_tallies) do
    for status, change in pairs(of_lane) do
      redis.call("HINCRBY", COUNTED, status .. ":" .. queue_of(lane), change)
    end
  end
  tallies, audit_tallies = {}, {}
end
