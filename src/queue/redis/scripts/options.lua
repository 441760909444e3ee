-- What only some tasks have: a deadline, a unique key, tasks that they wait for. In a state it is one
-- string, "" for none; the sets and keys by which such tasks are found follow from it and the status.
local OPTIONS = 16 -- in a state: MessagePack {deadline, unique key, cancels, awaited, {id, …}}
local DEADLINE, UNIQUE_KEY = 1, 2 -- 0 and "" for none
local CANCELS = 3 -- 1: it is cancelled where a task that it waits for does not complete
local AWAITED = 4 -- 1: other tasks wait for it; where it has ended, it is to be settled
local WAITS = 5 -- ids of the tasks that have not completed yet
local NO_OPTIONS = cmsgpack.pack({ 0, "", 0, 0, {} })

local function options_of(state)
  return cmsgpack.unpack(state[OPTIONS] ~= "" and state[OPTIONS] or NO_OPTIONS)
end

local function set_options(state, options)
  local is_plain = options[DEADLINE] == 0 and options[UNIQUE_KEY] == "" and options[AWAITED] == 0
  state[OPTIONS] = is_plain and #options[WAITS] == 0 and "" or cmsgpack.pack(options)
end

local function has_ended(state)
  return ENDED_INDEX[state[STATUS]] ~= nil
end

local function is_waiting(state)
  return state[OPTIONS] ~= "" and #options_of(state)[WAITS] > 0
end

-- Other tasks wait for it; where it has ended, they do not know yet.
local function is_awaited(state)
  return state[OPTIONS] ~= "" and options_of(state)[AWAITED] == 1
end

-- The task that has not ended and holds the key; nil where none does. What the key names decides
-- nothing: the state does, so that no key can stay behind and block.
local function holder_of(key)
  local id = key ~= "" and redis.call("GET", UNIQUE .. key)
  if not id then return nil end
  load({ id })
  return tasks[id] and not has_ended(tasks[id]) and id or nil
end

-- Takes a task out of the sets of its deadline and of what it waits for.
local function unlist_options(id, options)
  if options[DEADLINE] > 0 then redis.call("ZREM", DEADLINES, id) end
  for _, awaited in ipairs(options[WAITS]) do redis.call("ZREM", DEPENDENTS .. awaited, id) end
end

-- Called for each changed task that has options; before: the status that Redis has, nil for none.
local function index_options(id, state, before)
  local options = options_of(state)
  local key, was_live = options[UNIQUE_KEY], before and not ENDED_INDEX[before]
  if has_ended(state) then
    -- As a snapshot brings it: others wait for it and do not know yet.
    if not before and options[AWAITED] == 1 then
      redis.call("ZADD", SETTLING, state[STATUS] == COMPLETED and 1 or 0, id)
    end
    unlist_options(id, options)
    if key ~= "" and redis.call("GET", UNIQUE .. key) == id then redis.call("DEL", UNIQUE .. key) end
  elseif not was_live then
    if options[DEADLINE] > 0 then redis.call("ZADD", DEADLINES, options[DEADLINE], id) end
    if key ~= "" then redis.call("SET", UNIQUE .. key, id) end
    for _, awaited in ipairs(options[WAITS]) do
      redis.call("ZADD", DEPENDENTS .. awaited, state[SEQUENCE], id)
    end
  end
end
