-- Retry: a dead or cancelled task is pending again at its old place, as if never attempted. Reports
-- for each: id, status that it had (0: no such task), state that it has now or "".
-- command: kind, items (id)
local function retry(entry, command)
  for _, id in ipairs(command[2]) do
    local state, now = tasks[id], ""
    local status = state and state[STATUS] or 0
    if status == DEAD or status == CANCELLED then
      state[STATUS], state[ATTEMPTS], state[LOSSES], state[ERROR] = PENDING, 0, 0, ""
      state[RUN_AT], state[FINISHED_AT] = entry[2], 0
      change(entry, id)
      now = pack_state(state)
    end
    report(entry, OUTCOME_RETRIED, { id, status, now })
  end
end
