-- Cancel: a task that has not ended is cancelled. Reports for each: id, status that it had (0: no
-- such task). Returns the ids of those that were cancelled.
-- command: kind, items (id)
local function cancel(entry, command)
  local changed = {}
  for _, id in ipairs(command[2]) do
    local state = tasks[id]
    local status = state and state[STATUS] or 0
    if status == SCHEDULED or status == PENDING or status == RUNNING then
      if status == RUNNING then record_attempt(state, entry[2], ATTEMPT_CANCELLED, "", entry[1]) end
      state[STATUS], state[FINISHED_AT] = CANCELLED, entry[2]
      change(entry, id)
      ended(entry, id, state)
      changed[#changed + 1] = id
    end
    report(entry, OUTCOME_CANCELLED, { id, status })
  end
  return changed
end
