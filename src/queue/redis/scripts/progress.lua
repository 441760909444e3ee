-- Keeps how far running tasks have come. It is no part of what the log decides: one whose fence is not
-- that of the running or last attempt, as Redis knows it, is dropped: the last value may come after the end.
-- KEYS[1]  prefix of the mesh, see keys.lua
-- ARGV     id, fence, percent, and so on
-- Returns  how many were kept
--- @include "keys.lua"
--- @include "state.lua"
local kept = 0
for i = 1, #ARGV, 3 do
  local value = redis.call("GET", STATE .. ARGV[i])
  local state = value and unpack_state(value)
  if state and state[FENCE] == tonumber(ARGV[i + 1]) then
    redis.call("SET", PROGRESS .. ARGV[i], ARGV[i + 1] .. " " .. ARGV[i + 2])
    kept = kept + 1
  end
end
return kept
