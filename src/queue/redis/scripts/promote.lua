-- Promote: scheduled tasks whose time has come are pending, the earliest first, up to a limit.
-- Reports each.
-- command: kind, limit
local function promote(entry, command)
  flush() -- what this batch scheduled or cancelled so far counts
  local due = redis.call("ZRANGEBYSCORE", DUE, "-inf", entry[2], "LIMIT", 0, command[2])
  load(due)
  for _, id in ipairs(due) do
    local state = tasks[id]
    state[STATUS] = PENDING
    change(entry, id)
    report(entry, OUTCOME_PROMOTED, id)
  end
end
