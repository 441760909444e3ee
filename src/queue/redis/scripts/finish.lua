-- Finish: ends running attempts. One whose fence is not that of the running attempt is stale: it
-- changes nothing and is reported.
-- command: kind, items (id, fence, started at, finished at, next status, value, detail)
--   COMPLETED: value = result, detail = true when the result is large
--   SCHEDULED or DEAD: value = TaskError, detail = {attempt outcome, message, run at}
local function finish(entry, command)
  local items = command[2]
  for i = 1, #items, 7 do
    local id, state = items[i], tasks[items[i]]
    if has_fence(state, items[i + 1]) then
      local finished_at, status, value, detail = items[i + 3], items[i + 4], items[i + 5], items[i + 6]
      state[STARTED_AT], state[STATUS] = items[i + 2], status
      if status == COMPLETED then
        state[FINISHED_AT], state[ERROR] = finished_at, ""
        state[RESULT] = detail and ELSEWHERE or value
        if detail then redis.call("SET", RESULT_OF .. id, value) end
      else
        record_attempt(state, finished_at, detail[1], detail[2], entry[1])
        state[ERROR] = value
        if status == DEAD then
          state[FINISHED_AT] = finished_at
        else
          state[RUN_AT] = detail[3]
        end
      end
      change(entry, id)
      if status ~= SCHEDULED then ended(entry, id, state) end
    else
      report(entry, OUTCOME_STALE, id)
    end
  end
end
