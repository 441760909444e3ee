-- The tasks that a batch touches: read with one MGET, changed in memory, written with one MSET.
-- Transitions edit states only; which sets a task is in follows from its status, here alone.
local tasks = {} -- id -> state, or false where no such task is known
local stored_status = {} -- id -> status as Redis has it
local changed, is_changed = {}, {} -- ids in the order of their first change

-- Below Lua's limit of values on its stack (8000), and even, so that pairs stay together.
local MAX_ARGS = 6000

local function in_chunks(command, key, list)
  for first = 1, #list, MAX_ARGS do
    redis.call(command, key, unpack(list, first, math.min(first + MAX_ARGS - 1, #list)))
  end
end

local function load(ids)
  for first = 1, #ids, MAX_ARGS do
    local last, keys = math.min(first + MAX_ARGS - 1, #ids), {}
    for i = first, last do
      keys[i - first + 1] = STATE .. ids[i]
    end
    local values = redis.call("MGET", unpack(keys))
    for i = first, last do
      local id, value = ids[i], values[i - first + 1]
      if tasks[id] == nil then
        tasks[id] = value and unpack_state(value)
        stored_status[id] = value and tasks[id][STATUS] or nil
        if dump and value then hold_image(id, value, tasks[id]) end
      end
    end
  end
end

-- As change below, for what is none in the eyes of those who watch the task.
local function touch(entry, id)
  tasks[id][CHANGED] = entry[1]
  if not is_changed[id] then
    is_changed[id] = true
    changed[#changed + 1] = id
  end
end

-- Call it once for each transition, when the state is what it is after it.
local function change(entry, id)
  touch(entry, id)
  note(id, tasks[id])
end

-- Appends to a list that knows its length: asking a table for it takes a search.
local function add(list, first, second)
  local n = list.n + 1
  list[n], list.n = first, n
  if second then list[n + 1], list.n = second, n + 1 end
end

-- Lists of arguments by key, the keys in the order of their first use.
local function argument_lists()
  local lists = { keys = {} }
  function lists.of(key)
    local list = lists[key]
    if not list then
      list = { n = 0 }
      lists[key] = list
      lists.keys[#lists.keys + 1] = key
    end
    return list
  end
  return lists
end
