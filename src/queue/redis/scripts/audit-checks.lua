-- What the sets of a mesh must say of a task, given its state; what differs is noted in `found`.
local applied_index = 0
local found, running = {}, {}

local function tell(id, text)
  found[#found + 1], found[#found + 2] = id, text
end

local STATUS_NAME = { "scheduled", "pending", "running", "completed", "failed", "dead", "cancelled" }

local function set_of(state)
  return STATUS_INDEX[state[STATUS]] or (PENDING_IN .. state[LANE])
end

local function expect_in(id, key, score)
  local held = redis.call("ZSCORE", key, id)
  local name = string.sub(key, #PREFIX + 1)
  if not held then
    tell(id, "is missing in the set " .. name)
  elseif tonumber(held) ~= tonumber(score) then
    tell(id, "stands at " .. held .. " in the set " .. name .. ", not at " .. score)
  end
end

local function look_at_task(id, state)
  expect_in(id, ALL, state[SEQUENCE])
  expect_in(id, set_of(state), state[SEQUENCE])
  local status = state[STATUS]
  if ENDED_INDEX[status] then expect_in(id, ENDED_INDEX[status], state[FINISHED_AT]) end
  if status == SCHEDULED then expect_in(id, DUE, state[RUN_AT]) end
  if status == PENDING and not redis.call("ZSCORE", LANES, state[LANE]) then
    tell(id, "is pending in the lane " .. state[LANE] .. ", which is not listed")
  end
  if state[RESULT] == ELSEWHERE and redis.call("EXISTS", RESULT_OF .. id) == 0 then
    tell(id, "has lost its result")
  end
  if state[CHANGED] > applied_index then
    tell(id, "was changed by entry " .. state[CHANGED] .. ", past the last one applied")
  end
  if status == RUNNING then
    for _, value in ipairs({ id, state[WORKER], tostring(state[FENCE]), tostring(state[CHANGED]) }) do
      running[#running + 1] = value
    end
  end
end

-- The sets that a task may be in, by what it must be for that.
local function belongs(name, state)
  local key = PREFIX .. name
  if key == ALL then return true end
  if key == DUE then return state[STATUS] == SCHEDULED end
  return key == set_of(state) or key == ENDED_INDEX[state[STATUS]]
end
