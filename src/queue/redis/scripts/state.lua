-- The run state of a task: one packed string holds all that changes. run-state.ts reads the same
-- layout, and counts it. struct packs and unpacks it in half the time that a MessagePack array takes.
local LAYOUT = ">BI4I4ddddHc0I4c0Hc0I4c0Hc0I4c0I4c0dI4c0I4"
local STATUS, ATTEMPTS, LOSSES = 1, 2, 3
local RUN_AT, STARTED_AT, FINISHED_AT = 4, 5, 6
local FENCE = 7
-- Decimal text, as ZADD takes it: a number would be formatted anew with each move, for 1 us.
local SEQUENCE = 8
-- "<priority>:<queue>"
local LANE = 9
local WORKER = 10
-- TaskDefinition in protobuf, opaque here; its data is in a key of its own when it is large.
local DEFINITION = 11
-- JSON text, "" for none; this byte, which starts no JSON, when it is in a key of its own.
local RESULT, ELSEWHERE = 13, "\1"
-- TaskError in protobuf, "" for none.
local ERROR = 12
-- Ended attempts but a completed one, oldest first, in MessagePack; "" for none.
local HISTORY = 14
local MAX_HISTORY = 20
-- Index of the entry that last changed the task: a state is never changed by an entry at or before it.
local CHANGED = 15
-- The string at 16: see options.lua.
-- How often its node lived on and had let its lease run out; LOSSES: the task may have been the cause.
local LAPSES = 17

local function pack_state(s)
  return struct.pack(LAYOUT, s[1], s[2], s[3], s[4], s[5], s[6], s[7], #s[8], s[8], #s[9], s[9],
    #s[10], s[10], #s[11], s[11], #s[12], s[12], #s[13], s[13], #s[14], s[14], s[15], #s[16], s[16],
    s[17])
end

local function unpack_state(value)
  return { struct.unpack(LAYOUT, value) }
end

-- mesh.v1.TaskStatus
local SCHEDULED, PENDING, RUNNING, COMPLETED, DEAD, CANCELLED = 1, 2, 3, 4, 6, 7
-- mesh.v1.AttemptOutcome
local ATTEMPT_TIMED_OUT, ATTEMPT_LOST, ATTEMPT_CANCELLED, ATTEMPT_LAPSED = 3, 4, 6, 7

local STATUS_INDEX = {
  [SCHEDULED] = PREFIX .. "scheduled",
  [RUNNING] = PREFIX .. "running",
  [COMPLETED] = PREFIX .. "completed",
  [DEAD] = PREFIX .. "dead",
  [CANCELLED] = PREFIX .. "cancelled",
}

-- Ended tasks by the time of their end: what is kept of them is bounded, see expire.lua.
local ENDED_INDEX = {
  [COMPLETED] = PREFIX .. "ended:completed",
  [DEAD] = PREFIX .. "ended:dead",
  [CANCELLED] = PREFIX .. "ended:cancelled",
}

-- Notes how the running attempt ended, and by which entry.
local function record_attempt(state, finished_at, outcome, message, index)
  local history = state[HISTORY] ~= "" and cmsgpack.unpack(state[HISTORY]) or {}
  if #history >= MAX_HISTORY then
    table.remove(history, 1)
  end
  history[#history + 1] = {
    state[ATTEMPTS], state[WORKER], state[FENCE], state[STARTED_AT], finished_at, outcome, message,
    index,
  }
  state[HISTORY] = cmsgpack.pack(history)
end

local function has_fence(state, fence)
  return state and state[STATUS] == RUNNING and state[FENCE] == fence
end
