-- Retry: a dead or cancelled task is pending again at its old place, as if never attempted; its
-- deadline is lifted, and it waits for no other task. One whose unique key another one holds that has
-- not ended is left alone. Reports for each: id, status that it had (0: no such task), state that it
-- has now or "". Returns the ids of those that are pending.
-- command: kind, items (id), whether cancelled ones are left alone
local function lift_options(id, state)
  local options = options_of(state)
  unlist_options(id, options)
  redis.call("ZREM", SETTLING, id) -- whoever waits for it still, waits for its next end
  options[DEADLINE], options[WAITS] = 0, {}
  set_options(state, options)
  local key = options[UNIQUE_KEY]
  if key ~= "" then redis.call("SET", UNIQUE .. key, id) end
end

local function retry(entry, command)
  local changed = {}
  for _, id in ipairs(command[2]) do
    local state, now = tasks[id], ""
    local status = state and state[STATUS] or 0
    local is_ended = status == DEAD or (status == CANCELLED and not command[3])
    if is_ended and not (state[OPTIONS] ~= "" and holder_of(options_of(state)[UNIQUE_KEY])) then
      if state[OPTIONS] ~= "" then lift_options(id, state) end
      state[STATUS], state[ATTEMPTS], state[ERROR] = PENDING, 0, ""
      state[LOSSES], state[LAPSES] = 0, 0
      state[RUN_AT], state[FINISHED_AT] = entry[2], 0
      change(entry, id)
      now = pack_state(state)
      changed[#changed + 1] = id
    end
    report(entry, OUTCOME_RETRIED, { id, status, now })
  end
  return changed
end
