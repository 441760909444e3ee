-- What the end of a task means for those that wait for it. An end is noted in a set and told to the
-- leader; Settle then goes through those that wait, a bounded number for each entry.
local function failure_of(awaited)
  local message = "the task " .. awaited .. ", which it waited for, did not complete"
  local name = "DependencyFailed"
  return "\10" .. string.char(#message) .. message .. "\18" .. string.char(#name) .. name
end

-- Call it for each task that reaches its end.
local function ended(entry, id, state)
  if not is_awaited(state) then return end
  redis.call("ZADD", SETTLING, state[STATUS] == COMPLETED and 1 or 0, id)
  report(entry, OUTCOME_SETTLING, id)
end

local function cancel_dependent(entry, id, awaited)
  local state = tasks[id]
  state[STATUS], state[FINISHED_AT], state[ERROR] = CANCELLED, entry[2], failure_of(awaited)
  change(entry, id)
  ended(entry, id, state)
end

-- A task that waits for nothing any more is pending, or scheduled where its time has not come.
local function make_ready(entry, id)
  local state = tasks[id]
  if state[RUN_AT] > entry[2] then return touch(entry, id) end
  state[STATUS] = PENDING
  change(entry, id)
  report(entry, OUTCOME_PROMOTED, id) -- the leader does not know it yet
end

-- Begins a new task that names others: those that have not ended are waited for. An id that is not
-- known was that of a task that has ended and was removed: nobody can tell that it completed.
local function begin_waiting(entry, id)
  local state = tasks[id]
  local options, waits, failed = options_of(state), {}, nil
  load(options[WAITS])
  for _, awaited in ipairs(options[WAITS]) do
    local other = tasks[awaited]
    if other and not has_ended(other) then
      waits[#waits + 1] = awaited
      local its = options_of(other)
      if its[AWAITED] == 0 then
        its[AWAITED] = 1
        set_options(other, its)
        touch(entry, awaited)
      end
    elseif options[CANCELS] == 1 and not (other and other[STATUS] == COMPLETED) then
      failed = failed or awaited
    end
  end
  options[WAITS] = waits
  set_options(state, options)
  state[STATUS] = SCHEDULED
  if failed then return cancel_dependent(entry, id, failed) end
  change(entry, id)
  if #waits == 0 then make_ready(entry, id) end
end
