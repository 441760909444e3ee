-- The whole registry in one step. Ids whose record has expired leave the index.
--
-- KEYS[1] index of ids   KEYS[2] formation record
-- ARGV[1] prefix of the records' keys (they share the hash tag of KEYS)
--
-- Returns {formation record or "", id, record, id, record, …}.
local index, formation = KEYS[1], KEYS[2]
local prefix = ARGV[1]

local reply = { redis.call('GET', formation) or '' }
for _, id in ipairs(redis.call('SMEMBERS', index)) do
  local record = redis.call('GET', prefix .. id)
  if record then
    reply[#reply + 1] = id
    reply[#reply + 1] = record
  else
    redis.call('SREM', index, id)
  end
end
return reply
