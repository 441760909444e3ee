-- Release: takes running tasks away from their node; they are at their old place again, pending, or
-- scheduled where they are to wait. The attempt does not count. One with another fence is stale:
-- reported, nothing changed.
-- command: kind, items (id, fence, attempt outcome, why, run at)
local function release(entry, command)
  local items = command[2]
  for i = 1, #items, 5 do
    local id, reason, run_at, state = items[i], items[i + 2], items[i + 4], tasks[items[i]]
    if has_fence(state, items[i + 1]) then
      record_attempt(state, entry[2], reason, items[i + 3], entry[1])
      state[STATUS], state[ATTEMPTS] = PENDING, math.max(0, state[ATTEMPTS] - 1)
      if run_at > entry[2] then state[STATUS], state[RUN_AT] = SCHEDULED, run_at end
      if reason == ATTEMPT_LOST then state[LOSSES] = state[LOSSES] + 1 end
      if reason == ATTEMPT_LAPSED then state[LAPSES] = state[LAPSES] + 1 end
      change(entry, id)
    else
      report(entry, OUTCOME_STALE, id)
    end
  end
end
