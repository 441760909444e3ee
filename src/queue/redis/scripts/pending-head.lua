-- Reads the next tasks of a lane in one step, so that a batch applied in between cannot make a lane
-- look empty that is not.
-- KEYS[1]  prefix of the mesh, see keys.lua
-- ARGV[1]  lane "<priority>:<queue>"   ARGV[2] sequence to start after   ARGV[3] how many at most
-- Returns  states
--- @include "keys.lua"
local ids = redis.call("ZRANGEBYSCORE", PENDING_IN .. ARGV[1], "(" .. ARGV[2], "+inf", "LIMIT", 0, ARGV[3])
if #ids == 0 then return {} end
local keys = {}
for i, id in ipairs(ids) do keys[i] = STATE .. id end
return redis.call("MGET", unpack(keys))
