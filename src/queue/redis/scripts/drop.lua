-- Drop: removes dead tasks. Tasks in another state are left alone.
-- command: kind, items (id)
local function drop(_, command)
  local dead, seen = {}, {}
  for _, id in ipairs(command[2]) do
    if tasks[id] and tasks[id][STATUS] == DEAD and not seen[id] then
      seen[id] = true
      dead[#dead + 1] = id
    end
  end
  if #dead > 0 then remove_tasks(dead) end
end
