-- How many tasks of each queue are scheduled or have ended. Those that are pending or running are
-- not counted here: their lanes, and the table of assignments, have a size.
local COUNTED = { [SCHEDULED] = true, [COMPLETED] = true, [DEAD] = true, [CANCELLED] = true }
local tallies = {} -- lane -> status -> change

-- A task of the lane goes from one status to another; nil for one that is not there.
local function tally(lane, before, now)
  if not (COUNTED[before] or COUNTED[now]) then return end
  local of_lane = tallies[lane]
  if not of_lane then
    of_lane = {}
    tallies[lane] = of_lane
  end
  if COUNTED[before] then of_lane[before] = (of_lane[before] or 0) - 1 end
  if COUNTED[now] then of_lane[now] = (of_lane[now] or 0) + 1 end
end

-- A sorted set, whose bytes depend on the counts alone: a hash keeps the order of what came first.
local function write_counts()
  for lane, of_lane in pairs(tallies) do
    local key = COUNTS .. string.match(lane, ":(.*)$")
    for status, change in pairs(of_lane) do
      if change ~= 0 and tonumber(redis.call("ZINCRBY", key, change, status)) == 0 then
        redis.call("ZREM", key, status)
      end
    end
  end
  tallies = {}
end
