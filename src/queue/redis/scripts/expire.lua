-- Expire: removes ended tasks that are past what the retention allows, the first to end first, up to
-- a limit over all rules. It looks at no task that stays but at those of which others that wait for
-- them do not know yet that they have ended: a snapshot tells them by the task itself.
-- command: kind, limit, rules (status, ended before, most that are kept)
local function expire(_, command)
  flush() -- what this batch ended so far counts
  local left, rules = command[2], command[3]
  for i = 1, #rules, 3 do
    local key = ENDED_INDEX[rules[i]]
    if key and left > 0 then
      local over = redis.call("ZCARD", key) - rules[i + 2]
      local due = redis.call("ZRANGEBYSCORE", key, "-inf", "(" .. rules[i + 1], "LIMIT", 0, left)
      local count = math.min(left, math.max(over, #due))
      if count > 0 then
        local ids = count == #due and due or redis.call("ZRANGE", key, 0, count - 1)
        load(ids)
        local known = {}
        for _, id in ipairs(ids) do
          if not is_awaited(tasks[id]) then known[#known + 1] = id end
        end
        if #known > 0 then remove_tasks(known) end
        left = left - #ids
      end
    end
  end
end
