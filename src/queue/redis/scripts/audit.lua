-- Looks whether the state of tasks and the sets that they are in say the same. Changes nothing.
-- KEYS[1]  prefix of the mesh, see keys.lua
-- ARGV[1]  "" to look at tasks, whatever sets they are in; or the name of a set, to look at its members
-- ARGV[2…] ids
-- Returns  {applied entry as stored, contradictions, running}: contradictions as {id, text, id, text, …},
--          running tasks as {id, worker, fence, changed, …}, the last two in decimal
--- @include "keys.lua"
--- @include "state.lua"
--- @include "options.lua"
--- @include "audit-options.lua"
--- @include "audit-checks.lua"
local applied = redis.call("GET", APPLIED) or "0"
applied_index = tonumber(string.match(applied, "^%-?%d+"))

local set = ARGV[1]
for i = 2, #ARGV do
  local id = ARGV[i]
  local value = redis.call("GET", STATE .. id)
  local state = value and unpack_state(value)
  if set == "" then
    if state then look_at_task(id, state) end
  elseif not state then
    -- Unless it was taken out since its name was read.
    if redis.call("ZSCORE", PREFIX .. set, id) then tell(id, "is listed in " .. set .. ", and is no task") end
  elseif not belongs(set, state) and redis.call("ZSCORE", PREFIX .. set, id) then
    tell(id, "is " .. STATUS_NAME[state[STATUS]] .. ", and listed in " .. set)
  end
end
return { applied, found, running }
