-- Loads tasks of a snapshot. One that Redis has as completed was removed and submitted anew since, or
-- others wait for it and do not know yet that it is.
-- KEYS[1]  prefix of the mesh, see keys.lua
-- ARGV[1]  token   ARGV[2] step   ARGV[3…] id, state, data or "", and so on
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
local function restore_task(id, data, state)
  -- With its place, and its queue, which may be others now.
  if tasks[id] then remove_tasks({ id }) end
  if #state[RESULT] > 1 and string.sub(state[RESULT], 1, 1) == ELSEWHERE then
    redis.call("SET", RESULT_OF .. id, string.sub(state[RESULT], 2))
    state[RESULT] = ELSEWHERE
  end
  tasks[id] = state
  changed[#changed + 1], is_changed[id] = id, true
  if data ~= "" then redis.call("SET", DATA .. id, data) end
end

local ids = {}
for i = 3, #ARGV, 3 do ids[#ids + 1] = ARGV[i] end
load(ids)
for i = 3, #ARGV, 3 do
  local id, data, state = ARGV[i], ARGV[i + 2], unpack_state(ARGV[i + 1])
  local known = tasks[id]
  if known and known[STATUS] == COMPLETED and state[STATUS] == COMPLETED then
    redis.call("ZADD", SETTLING, 1, id) -- it is here, with its result
  else
    restore_task(id, data, state)
  end
end
flush()
return redis.status_reply("OK")
