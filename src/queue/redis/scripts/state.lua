-- The run state of a task: a MessagePack array, so that one string holds all that changes.
-- run-state.ts reads the same fields in the same order.
local STATUS, QUEUE, PRIORITY, SEQUENCE = 1, 2, 3, 4
local ATTEMPTS, LOSSES, RUN_AT, STARTED_AT, FINISHED_AT = 5, 6, 7, 8, 9
local WORKER, FENCE = 10, 11
-- TaskDefinition in protobuf, opaque here; its data is in a key of its own when it is large.
local DEFINITION = 12
-- JSON text, "" for none, true when it is in a key of its own.
local RESULT = 13
-- TaskError in protobuf, "" for none.
local ERROR = 14
-- Ended attempts but a completed one, oldest first; false for none.
local HISTORY = 15
local MAX_HISTORY = 20

-- mesh.v1.TaskStatus
local SCHEDULED, PENDING, RUNNING, COMPLETED, DEAD, CANCELLED = 1, 2, 3, 4, 6, 7
-- mesh.v1.AttemptOutcome
local ATTEMPT_LOST, ATTEMPT_CANCELLED = 4, 6

local STATUS_INDEX = {
  [SCHEDULED] = PREFIX .. "scheduled",
  [RUNNING] = PREFIX .. "running",
  [COMPLETED] = PREFIX .. "completed",
  [DEAD] = PREFIX .. "dead",
  [CANCELLED] = PREFIX .. "cancelled",
}

-- Notes how the running attempt ended.
local function record_attempt(state, finished_at, outcome, message)
  local history = state[HISTORY] or {}
  if #history >= MAX_HISTORY then
    table.remove(history, 1)
  end
  history[#history + 1] = {
    state[ATTEMPTS], state[WORKER], state[FENCE], state[STARTED_AT], finished_at, outcome, message,
  }
  state[HISTORY] = history
end

local function has_fence(state, fence)
  return state and state[STATUS] == RUNNING and state[FENCE] == fence
end
