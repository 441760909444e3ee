-- Adds lines to the logs of tasks and keeps each log within its bounds, the newest lines. A log is a
-- stream; the id of a line is its place in all that was ever written to the log, in bytes from 1 on,
-- and its length. It goes with the task; lines of a task that is not there are dropped.
-- KEYS[1]  prefix of the mesh, see keys.lua
-- ARGV     id, count, that many lines, and so on
-- Returns  how many were added
--- @include "keys.lua"
local MAX_LINES, MAX_BYTES = 1000, 65536
local added, at = 0, 1
while at < #ARGV do
  local id, count = ARGV[at], tonumber(ARGV[at + 1])
  if redis.call("EXISTS", STATE .. id) == 1 then
    local key = LOG .. id
    local last = redis.call("XREVRANGE", key, "+", "-", "COUNT", 1)[1]
    local place = 1
    if last then
      local start, length = string.match(last[1], "^(%d+)-(%d+)$")
      place = start + length
    end
    for n = at + 2, at + 1 + count do
      redis.call("XADD", key, string.format("%.0f-%d", place, #ARGV[n]), "line", ARGV[n])
      place = place + #ARGV[n]
    end
    redis.call("XTRIM", key, "MINID", string.format("%.0f", math.max(1, place - MAX_BYTES)))
    redis.call("XTRIM", key, "MAXLEN", MAX_LINES)
    added = added + count
  end
  at = at + 2 + count
end
return added
