-- What the leader must hear of an entry beyond "applied". outcome-decoder.ts reads the same fields.
local OUTCOME_DUPLICATES, OUTCOME_STALE, OUTCOME_CANCELLED = 2, 3, 4
local OUTCOME_RETRIED, OUTCOME_PROMOTED, OUTCOME_CONTRADICTIONS = 5, 6, 7
local outcomes = {}

-- An entry with nothing to tell has no outcome: the usual case costs nothing.
local function report(entry, list, value)
  if not entry.outcome then
    entry.outcome = { entry[1], {}, {}, {}, {}, {}, {} }
    outcomes[#outcomes + 1] = entry.outcome
  end
  local values = entry.outcome[list]
  values[#values + 1] = value
end
