-- Overdue: tasks whose deadline has passed are dead, whatever they wait for. Those that have ended,
-- or whose deadline was lifted, are left alone; where one is pending, the leader takes it up again.
-- command: kind, items (id), TaskError
local function overdue(entry, command)
  for _, id in ipairs(command[2]) do
    local state = tasks[id]
    local deadline = state and not has_ended(state) and options_of(state)[DEADLINE] or 0
    if deadline > 0 and deadline <= entry[2] then
      if state[STATUS] == RUNNING then
        record_attempt(state, entry[2], ATTEMPT_TIMED_OUT, "deadline exceeded", entry[1])
      end
      state[STATUS], state[FINISHED_AT], state[ERROR] = DEAD, entry[2], command[3]
      change(entry, id)
      ended(entry, id, state)
    elseif state and state[STATUS] == PENDING then
      report(entry, OUTCOME_PROMOTED, id)
    end
  end
end
