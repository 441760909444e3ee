-- Takes out what a snapshot is about to take the place of: all tasks but completed ones, and the
-- idempotency keys, some at a time.
-- KEYS[1]  prefix of the mesh, see keys.lua
-- ARGV[1]  token   ARGV[2] step   ARGV[3] most tasks or keys
-- Returns  how many were taken out; 0 when none is left
--- @include "keys.lua"
--- @include "state.lua"
--- @include "dump-record.lua"
--- @include "before-images.lua"
--- @include "working-set.lua"
--- @include "options.lua"
--- @include "counts.lua"
--- @include "flush.lua"
--- @include "removal.lua"
--- @include "restoring.lua"
local interrupted = take_step()
if interrupted then return interrupted end

local function some_of(key)
  return redis.call("ZRANGE", key, 0, ARGV[3] - 1)
end

local ids = {}
for _, status in ipairs({ SCHEDULED, RUNNING, DEAD, CANCELLED }) do
  if #ids == 0 then ids = some_of(STATUS_INDEX[status]) end
end
if #ids == 0 then
  local lane = redis.call("ZRANGE", LANES, 0, 0)[1]
  if lane then ids = some_of(PENDING_IN .. lane) end
end
if #ids > 0 then
  -- As if cancelled: that takes them out of every set that follows from a state, whatever sets there are.
  load(ids)
  for i, id in ipairs(ids) do
    tasks[id][STATUS], changed[i], is_changed[id] = CANCELLED, id, true
  end
  remove_tasks(ids)
  return #ids
end
local keys = some_of(IDEMPOTENT_UNTIL)
for _, key in ipairs(keys) do redis.call("UNLINK", IDEMPOTENT .. key) end
in_chunks("ZREM", IDEMPOTENT_UNTIL, keys)
return #keys
