-- Settle: goes through the tasks that wait for tasks that have ended, up to a limit; those that wait
-- for nothing any more are ready, those whose dependency failed are cancelled unless they run all the
-- same, and so on with those that wait for them. Reports whether there is more to do.
-- command: kind, limit
local function settle_one(entry, id, awaited, completed)
  local state = tasks[id]
  if not state or state[STATUS] ~= SCHEDULED or not is_waiting(state) then return end
  local options, waits = options_of(state), {}
  for _, other in ipairs(options[WAITS]) do
    if other ~= awaited then waits[#waits + 1] = other end
  end
  if not completed and options[CANCELS] == 1 then return cancel_dependent(entry, id, awaited) end
  options[WAITS] = waits
  set_options(state, options)
  if #waits == 0 then make_ready(entry, id) else touch(entry, id) end
end

-- Nobody waits for the task any more.
local function settled(entry, id)
  redis.call("ZREM", SETTLING, id)
  load({ id })
  local state = tasks[id]
  if not state or not has_ended(state) then return end
  local options = options_of(state)
  options[AWAITED] = 0
  set_options(state, options)
  touch(entry, id)
end

local function settle(entry, command)
  local left = command[2]
  while left > 0 do
    flush() -- what was made to wait, or cancelled, so far counts
    local head = redis.call("ZRANGE", SETTLING, 0, 0, "WITHSCORES")
    if #head == 0 then return end
    local awaited, completed = head[1], head[2] == "1"
    local ids = redis.call("ZRANGE", DEPENDENTS .. awaited, 0, left - 1)
    load(ids)
    for _, id in ipairs(ids) do settle_one(entry, id, awaited, completed) end
    if #ids > 0 then in_chunks("ZREM", DEPENDENTS .. awaited, ids) end
    if #ids < left then settled(entry, awaited) end
    left = left - math.max(1, #ids)
  end
  local rest = redis.call("ZRANGE", SETTLING, 0, 0)
  if #rest > 0 then report(entry, OUTCOME_SETTLING, rest[1]) end
end
