-- Puts a node's record in place, or extends its life, unless the mesh of another log lives here: one that
-- the node's mesh has taken the place of after a disaster gives way.
-- A record that is new or differs from the last one is told to the channel.
--
-- KEYS[1] record of the node    KEYS[2] index of ids
-- KEYS[3] formation record      KEYS[4] ids seen with Raft state
-- ARGV[1] id   ARGV[2] record   ARGV[3] life in milliseconds   ARGV[4] channel
-- ARGV[5] mesh id of its Raft state, or ""
-- ARGV[6] formation record of its mesh, written where there is none, or ""
-- ARGV[7] ids of the meshes that its mesh has taken the place of, as a JSON array
--
-- Returns {"registered" | "mismatch", formation record or ""}.
local node, index, formation, stateful = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local id, record, life, channel = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local mesh, own = ARGV[5], ARGV[6]

local function is_superseded(found)
  for _, one in ipairs(cjson.decode(ARGV[7])) do
    if one == found then return true end
  end
  return false
end

local current = redis.call('GET', formation) or ''
local changed = false
if mesh ~= '' then
  if current == '' then
    redis.call('SET', formation, own)
    current, changed = own, true
  else
    local ok, decoded = pcall(cjson.decode, current)
    local found = ok and type(decoded) == 'table' and decoded.meshId
    if found ~= mesh then
      if not is_superseded(found) then return { 'mismatch', current } end
      redis.call('SET', formation, own)
      redis.call('DEL', stateful)
      current, changed = own, true
    end
  end
  redis.call('SADD', stateful, id)
end

if redis.call('GET', node) ~= record then changed = true end
redis.call('SET', node, record, 'PX', life)
redis.call('SADD', index, id)
if changed then redis.call('PUBLISH', channel, 'changed ' .. id) end
return { 'registered', current }
