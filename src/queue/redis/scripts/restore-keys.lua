-- Loads idempotency keys of a snapshot.
-- KEYS[1]  prefix of the mesh, see keys.lua
-- ARGV[1]  token   ARGV[2] step   ARGV[3…] key, until when it holds and the task in MessagePack, …
--- @include "keys.lua"
--- @include "restoring.lua"
local interrupted = take_step()
if interrupted then return interrupted end
for i = 3, #ARGV, 2 do
  local until_ms = cmsgpack.unpack(ARGV[i + 1])
  redis.call("SET", IDEMPOTENT .. ARGV[i], ARGV[i + 1])
  redis.call("ZADD", IDEMPOTENT_UNTIL, until_ms, ARGV[i])
end
return redis.status_reply("OK")
