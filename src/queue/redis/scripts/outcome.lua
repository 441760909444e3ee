-- What the leader must hear of an entry beyond "applied". outcome-decoder.ts reads the same fields.
local OUTCOME_DUPLICATES, OUTCOME_STALE, OUTCOME_CANCELLED = 2, 3, 4
local OUTCOME_RETRIED, OUTCOME_PROMOTED, OUTCOME_CONTRADICTIONS = 5, 6, 7
local OUTCOME_SETTLING = 8
local outcomes = {}

-- The tasks of OUTCOME_PROMOTED that are pending after the whole entry, with the state that they have:
-- a later command of it may have cancelled one.
local function close_outcome(entry)
  if not entry.outcome then return end
  local pending = {}
  for _, id in ipairs(entry.outcome[OUTCOME_PROMOTED]) do
    local state = tasks[id]
    if state and state[STATUS] == PENDING then pending[#pending + 1] = { id, pack_state(state) } end
  end
  entry.outcome[OUTCOME_PROMOTED] = pending
end

-- An entry with nothing to tell has no outcome: the usual case costs nothing.
local function report(entry, list, value)
  if not entry.outcome then
    entry.outcome = { entry[1], {}, {}, {}, {}, {}, {}, {} }
    outcomes[#outcomes + 1] = entry.outcome
  end
  local values = entry.outcome[list]
  values[#values + 1] = value
end
