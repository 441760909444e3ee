-- While a dump is under way, keeps what it has yet to read as it was at the dump's index, the first
-- time that a later entry changes it: the dump is then exact, though the mesh goes on. A dump reads
-- stage by stage, and the sets of a stage by sequence: what it has passed needs no image.
local held = {} -- id -> state as stored, of tasks that need an image if they change
-- What an image takes beside its text.
local IMAGE_OVERHEAD = 100
-- As MAX_ARGS in working-set.lua.
local MAX_IMAGE_ARGS = 6000

-- In the order of bytes, which is that of the set of lanes; Lua's own follows the server's locale.
local function is_before(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x < y end
  end
  return #a < #b
end

-- Whether the dump has read the place that a task has in this state.
local function is_passed(stage, state)
  if stage ~= dump.stage then return stage < dump.stage end
  if stage == STAGE_PENDING and state[LANE] ~= dump.lane then return is_before(state[LANE], dump.lane) end
  return tonumber(state[SEQUENCE]) <= dump.after
end

-- A task that was loaded, in case it changes.
local function hold_image(id, stored, state)
  local stage = STAGE_OF[state[STATUS]]
  if stage and state[CHANGED] <= dump.index and not is_passed(stage, state) then
    held[id] = stored
  end
end

-- Keeps what was held of the tasks that are being written.
local function keep_images(ids)
  local list = { n = 0 }
  for _, id in ipairs(ids) do
    local stored = held[id]
    if stored then
      held[id] = nil
      list[list.n + 1], list[list.n + 2], list.n = id, stored, list.n + 2
      dump.bytes = dump.bytes + #id + #stored + IMAGE_OVERHEAD
    end
  end
  if list.n == 0 then return end
  dump.images, is_dump_changed = dump.images + list.n / 2, true
  for first = 1, list.n, MAX_IMAGE_ARGS do
    local last = math.min(first + MAX_IMAGE_ARGS - 1, list.n)
    redis.call("RPUSH", DUMP_IMAGES, unpack(list, first, last))
  end
end

-- The data of a task that is being removed: an image of it may be without.
local function keep_data(id, state)
  if dump.stage > STAGE_IMAGES or (state[CHANGED] <= dump.index and not held[id]) then return end
  -- "" for none: a new task with the id might have some.
  local data = redis.call("GET", DATA .. id) or ""
  if redis.call("HSETNX", DUMP_DATA, id, data) == 1 then
    dump.bytes, is_dump_changed = dump.bytes + #data + IMAGE_OVERHEAD, true
  end
end

-- What an idempotency key holds that is about to change.
local function keep_key_image(key)
  if dump.stage ~= STAGE_KEYS then return end
  local value = redis.call("GET", IDEMPOTENT .. key) or ""
  if redis.call("HSETNX", DUMP_KEYS, key, value) == 1 then
    dump.keys, dump.bytes = dump.keys + 1, dump.bytes + #key + #value + IMAGE_OVERHEAD
    is_dump_changed = true
  end
end
