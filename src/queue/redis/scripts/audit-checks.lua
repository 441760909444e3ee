-- What the sets of a mesh must say of a task, given its state; what differs is noted in `found`.
local STATUS_NAME = { "scheduled", "pending", "running", "completed", "failed", "dead", "cancelled" }

local function set_of(state)
  return STATUS_INDEX[state[STATUS]] or (PENDING_IN .. state[LANE])
end

local function look_at_task(id, state)
  expect_in(id, ALL, state[SEQUENCE])
  expect_in(id, set_of(state), state[SEQUENCE])
  local queue = string.match(state[LANE], ":(.*)$")
  if not redis.call("ZSCORE", QUEUES, queue) then tell(id, "is of the queue " .. queue .. ", which is not listed") end
  local status = state[STATUS]
  if ENDED_INDEX[status] then expect_in(id, ENDED_INDEX[status], state[FINISHED_AT]) end
  if status == SCHEDULED and not is_waiting(state) then expect_in(id, DUE, state[RUN_AT]) end
  if state[OPTIONS] ~= "" then look_at_options(id, state, options_of(state)) end
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
  if key == DUE then return state[STATUS] == SCHEDULED and not is_waiting(state) end
  if key == DEADLINES then return not has_ended(state) and options_of(state)[DEADLINE] > 0 end
  return key == set_of(state) or key == ENDED_INDEX[state[STATUS]]
end
