-- Begins a dump of all tasks but completed ones, and of the idempotency keys, as of the applied index.
-- From here on before-images.lua keeps what a later entry changes before it is read. One dump at a time: that
-- of an owner who is gone ends by itself when its lease does.
-- KEYS[1]  prefix of the mesh, see keys.lua
-- ARGV[1]  owner   ARGV[2] lease in ms   ARGV[3] tasks that one entry may submit
-- ARGV[4]  most bytes that are kept for it
-- Returns  what is applied, "<index> <term>"; "" while another dump, or a restore, is under way or due,
--          and while too many tasks are to be settled, see settle.lua
--- @include "keys.lua"
--- @include "applied.lua"
local MAX_SETTLING = 1000
if redis.call("EXISTS", RESTORING, DUMP) > 0 then return "" end
position.open("-")
local index = position.index
if index == NOT_WHOLE then return "" end
-- Of the completed tasks, those that others wait for and do not know yet belong to it.
local settling, images, bytes = redis.call("ZRANGEBYSCORE", SETTLING, 1, 1, "LIMIT", 0, MAX_SETTLING + 1), {}, 0
if #settling > MAX_SETTLING then return "" end
for i, id in ipairs(settling) do
  local state = redis.call("GET", STATE .. id)
  if not state then return "" end
  images[2 * i - 1], images[2 * i], bytes = id, state, bytes + #id + #state
end
redis.call("UNLINK", DUMP_IMAGES, DUMP_DATA, DUMP_KEYS)
if #images > 0 then
  redis.call("RPUSH", DUMP_IMAGES, unpack(images))
  redis.call("PEXPIRE", DUMP_IMAGES, 2 * ARGV[2])
end
redis.call("HSET", DUMP, "owner", ARGV[1], "index", index, "lease_ms", ARGV[2], "step", 0,
  "max_sequence", string.format("%.0f", (tonumber(index) + 1) * ARGV[3] - 1), "max_bytes", ARGV[4],
  "stage", 1, "lane", "", "after", -1, "cursor", "0",
  "images", #settling, "keys", 0, "bytes", bytes, "read", 0)
redis.call("PEXPIRE", DUMP, ARGV[2])
return index .. " " .. position.term
