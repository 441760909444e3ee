-- Forms a mesh of nodes without Raft state, or tells why not yet. One atomic decision: of any
-- number of callers one forms, the others read what it formed.
--
-- A registry that was wiped looks like a new one until the living nodes have written themselves
-- into it again; hence the time that must pass since the first call found it.
--
-- KEYS[1] index of ids          KEYS[2] formation record
-- KEYS[3] ids seen with state   KEYS[4] when this registry was first asked
-- ARGV[1] prefix of the records' keys   ARGV[2] nodes to wait for   ARGV[3] id of the new mesh
-- ARGV[4] milliseconds that must have passed since the first call
-- ARGV[5] id of the caller   ARGV[6] channel   ARGV[7] how many of the members vote
--
-- Returns {"formed", formation record, 1 if the caller was seen with state else 0}
--      or {"waiting", nodes without state} or {"settling", milliseconds left}
--      or {"living", id of a node that has state and will write its formation record}.
local index, formation, stateful, since = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local prefix, expect, mesh = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local settle, caller, channel = tonumber(ARGV[4]), ARGV[5], ARGV[6]

local current = redis.call('GET', formation)
if current then
  return { 'formed', current, redis.call('SISMEMBER', stateful, caller) }
end

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
redis.call('SET', since, string.format('%d', now), 'NX')

local ids, addresses = {}, {}
for _, id in ipairs(redis.call('SMEMBERS', index)) do
  local record = redis.call('GET', prefix .. id)
  local ok, node = pcall(cjson.decode, record or '')
  if ok and type(node) == 'table' and type(node.address) == 'string' then
    if node.meshId then return { 'living', id } end
    ids[#ids + 1] = id
    addresses[id] = node.address
  end
end
if #ids < expect then return { 'waiting', #ids } end

local left = tonumber(redis.call('GET', since)) + settle - now
if left > 0 then return { 'settling', left } end

table.sort(ids)
local members = {}
for i = 1, expect do members[i] = { id = ids[i], address = addresses[ids[i]] } end
current = cjson.encode({ meshId = mesh, members = members, voters = tonumber(ARGV[7]) })
redis.call('SET', formation, current)
redis.call('PUBLISH', channel, 'formed ' .. mesh)
return { 'formed', current, 0 }
