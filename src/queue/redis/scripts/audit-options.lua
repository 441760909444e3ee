-- What is found, and what the sets and keys of deadlines, unique keys and dependencies must say of a
-- task that has some.
local applied_index = 0
local found, running = {}, {}

local function tell(id, text)
  found[#found + 1], found[#found + 2] = id, text
end

local function expect_in(id, key, score)
  local held = redis.call("ZSCORE", key, id)
  local name = string.sub(key, #PREFIX + 1)
  if not held then
    tell(id, "is missing in the set " .. name)
  elseif tonumber(held) ~= tonumber(score) then
    tell(id, "stands at " .. held .. " in the set " .. name .. ", not at " .. score)
  end
end

local function look_at_options(id, state, options)
  if has_ended(state) then
    if options[AWAITED] == 1 then expect_in(id, SETTLING, state[STATUS] == COMPLETED and 1 or 0) end
    return
  end
  if options[DEADLINE] > 0 then expect_in(id, DEADLINES, options[DEADLINE]) end
  for _, awaited in ipairs(options[WAITS]) do
    expect_in(id, DEPENDENTS .. awaited, state[SEQUENCE])
  end
  local key = options[UNIQUE_KEY]
  if key ~= "" and redis.call("GET", UNIQUE .. key) ~= id then
    tell(id, "does not hold its unique key " .. key)
  end
end
