-- Drop: removes dead tasks. Tasks in another state are left alone, and so are those of which others that
-- wait for them do not know yet that they are dead: a snapshot tells them by the task itself. Returns
-- the ids of those that are gone.
-- command: kind, items (id)
local function drop(_, command)
  local dead, seen = {}, {}
  for _, id in ipairs(command[2]) do
    local state = tasks[id]
    if state and state[STATUS] == DEAD and not is_awaited(state) and not seen[id] then
      seen[id] = true
      dead[#dead + 1] = id
    end
  end
  if #dead > 0 then remove_tasks(dead) end
  return dead
end
