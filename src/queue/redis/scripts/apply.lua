-- Applies committed log entries, in log order, in one atomic step with the applied index. Refuses a
-- gap and a repeat: whoever calls, Redis sees every committed entry once and in order. Reads no
-- clock and throws no dice; the outcome does not depend on how entries are cut into calls.
-- KEYS[1]  prefix of the mesh, see keys.lua
-- ARGV[1]  index before the first entry   ARGV[2] index of the last entry   ARGV[3] its term
-- ARGV[4]  entries in MessagePack: {index, at_ms, {command, …}}; a command: {kind, …}
-- ARGV[5]  about how many records the stream of events keeps   ARGV[6] identity of the mesh, "-" for none
-- Returns  outcomes in MessagePack, "" when there is nothing to tell;
--          error "APPLIEDMISMATCH <applied index>" when ARGV[1] is not the applied index, or
--          "APPLIEDMISMATCH -1" while a snapshot is being loaded, and where a script died half done;
--          error "FOREIGNMESH <identity>" where this is the queue of another mesh
--- @include "keys.lua"
--- @include "applied.lua"
--- @include "state.lua"
--- @include "events.lua"
--- @include "dump-record.lua"
--- @include "before-images.lua"
--- @include "working-set.lua"
--- @include "options.lua"
--- @include "counts.lua"
--- @include "flush.lua"
--- @include "outcome.lua"
--- @include "dependencies.lua"
--- @include "submit.lua"
--- @include "assign.lua"
--- @include "finish.lua"
--- @include "release.lua"
--- @include "cancel.lua"
--- @include "retry.lua"
--- @include "removal.lua"
--- @include "drop.lua"

-- By kind of command; command-encoder.ts writes the same numbers. The stride is the number of
-- values of one item; the first of them is the task's id.
local transitions = { submit, assign, finish, release, cancel, retry }
local strides = { 8, 2, 7, 5, 1, 1 }
transitions[30], strides[30] = drop, 1
-- A block each: Lua takes 200 locals of a script, and no more.
do
--- @include "promote.lua"
transitions[7] = promote
end
do
--- @include "expire.lua"
transitions[31] = expire
end
do
--- @include "overdue.lua"
transitions[32], strides[32] = overdue, 1
end
do
--- @include "settle.lua"
transitions[33] = settle
end
do
--- @include "operate.lua"
transitions[60], strides[60] = operate, 1
end

local refused = position.open(ARGV[6])
if refused then return refused end
if redis.call("EXISTS", RESTORING) == 1 then position.index = NOT_WHOLE end
if position.index ~= ARGV[1] then
  return redis.error_reply("APPLIEDMISMATCH " .. position.index)
end
previous_event = tonumber(position.last) or tonumber(position.index)

local entries = ARGV[4] ~= "" and cmsgpack.unpack(ARGV[4]) or {}
local ids, count = {}, 0
for _, entry in ipairs(entries) do
  for _, command in ipairs(entry[3]) do
    local stride = strides[command[1]]
    if stride then
      local items = command[2]
      for i = 1, #items, stride do
        count = count + 1
        ids[count] = items[i]
      end
    end
  end
end
open_dump()
load(ids)
if #entries > 0 then position.write(NOT_WHOLE, 0, position.index) end
for _, entry in ipairs(entries) do
  for _, command in ipairs(entry[3]) do transitions[command[1]](entry, command) end
  close_outcome(entry)
  append_events(entry, ARGV[5])
end
flush()
close_dump()
position.write(ARGV[2], ARGV[3], previous_event)
redis.call("PUBLISH", APPLIED, ARGV[2])
return #outcomes > 0 and cmsgpack.pack(outcomes) or ""
