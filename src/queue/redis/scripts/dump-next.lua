-- Reads the next piece of a dump, and moves the dump past it in the same step.
-- KEYS[1]  prefix of the mesh, see keys.lua
-- ARGV[1]  owner   ARGV[2] step, 0 for the first   ARGV[3] most tasks or keys, about
-- ARGV[4]  most bytes, about
-- Returns  {"tasks", id, state, data or "", …}, {"keys", key, value, …}, or {"end"};
--          error "DUMPLOST …" where the dump is not there as this step knows it: Redis was emptied,
--          lost writes, or ended the dump since it grew too large or its owner was silent
--- @include "keys.lua"
--- @include "state.lua"
--- @include "dump-record.lua"
local FIELDS = {
  "owner", "step", "index", "max_sequence", "lease_ms", "stage", "lane", "after", "cursor", "images",
  "keys", "read",
}
local values, d = redis.call("HMGET", DUMP, unpack(FIELDS)), {}
for i, field in ipairs(FIELDS) do d[field] = values[i] end
if d.owner ~= ARGV[1] or d.step ~= ARGV[2] then
  return redis.error_reply("DUMPLOST " .. (d.owner and "another step or owner" or "no dump"))
end
local index, limit, max_bytes = tonumber(d.index), tonumber(ARGV[3]), tonumber(ARGV[4])
local stage, read = tonumber(d.stage), tonumber(d.read)
local reply, size, room = {}, 0, limit

local function put(value)
  reply[#reply + 1] = value
  size = size + #value
end

--- @include "dump-keys.lua"
--- @include "dump-tasks.lua"

local kind = stage <= STAGE_KEPT_KEYS and "keys" or "tasks"
reply[1] = kind
if stage == STAGE_KEYS then read_keys()
elseif stage == STAGE_KEPT_KEYS then
  if not read_kept_keys() then return redis.error_reply("DUMPLOST keys that were kept") end
elseif stage == STAGE_PENDING then read_lanes()
elseif SET_OF_STAGE[stage] then
  if read_set(SET_OF_STAGE[stage]) then stage, d.after = stage + 1, "-1" end
elseif stage == STAGE_IMAGES then
  if not read_images() then return redis.error_reply("DUMPLOST images that were kept") end
else
  return { "end" }
end
redis.call("HSET", DUMP, "step", tonumber(d.step) + 1, "stage", stage, "lane", d.lane,
  "after", d.after, "cursor", d.cursor, "read", read)
redis.call("PEXPIRE", DUMP, d.lease_ms)
for _, key in ipairs({ DUMP_IMAGES, DUMP_DATA, DUMP_KEYS }) do
  redis.call("PEXPIRE", key, 2 * d.lease_ms)
end
return reply
