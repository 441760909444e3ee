-- Loads tasks of a snapshot. One that Redis has as completed was removed and submitted anew since.
-- KEYS[1]  prefix of the mesh, see keys.lua
-- ARGV[1]  token   ARGV[2] step   ARGV[3…] id, state, data or "", and so on
--- @include "keys.lua"
--- @include "state.lua"
--- @include "dump-record.lua"
--- @include "before-images.lua"
--- @include "working-set.lua"
--- @include "flush.lua"
--- @include "restoring.lua"
local interrupted = take_step()
if interrupted then return interrupted end
local ids = {}
for i = 3, #ARGV, 3 do ids[#ids + 1] = ARGV[i] end
load(ids)
for i = 3, #ARGV, 3 do
  local id, data = ARGV[i], ARGV[i + 2]
  if tasks[id] then redis.call("UNLINK", DATA .. id, RESULT_OF .. id) end
  tasks[id] = unpack_state(ARGV[i + 1])
  changed[#changed + 1], is_changed[id] = id, true
  if data ~= "" then redis.call("SET", DATA .. id, data) end
end
flush()
return redis.status_reply("OK")
