-- Assign: pending tasks, or scheduled ones that are due, run on a node; the index of the entry is
-- their fence. A task in any other state is reported as a contradiction and left alone.
-- command: kind, items (id, attempt), node id
local function assign(entry, command)
  local items, at_ms = command[2], entry[2]
  for i = 1, #items, 2 do
    local id, state = items[i], tasks[items[i]]
    local status = state and state[STATUS] or 0
    if status == PENDING or (status == SCHEDULED and state[RUN_AT] <= at_ms and not is_waiting(state)) then
      state[STATUS], state[ATTEMPTS], state[WORKER] = RUNNING, items[i + 1], command[3]
      state[FENCE], state[STARTED_AT], state[FINISHED_AT] = entry[1], at_ms, 0
      change(entry, id)
    else
      report(entry, OUTCOME_CONTRADICTIONS, { id, status })
    end
  end
end
