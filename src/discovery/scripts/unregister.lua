-- Takes a node's record away, if it is still the one that this process wrote.
--
-- KEYS[1] record of the node   KEYS[2] index of ids
-- ARGV[1] id   ARGV[2] record   ARGV[3] channel
--
-- Returns 1 where it was taken away, else 0.
local node, index = KEYS[1], KEYS[2]
local id, record, channel = ARGV[1], ARGV[2], ARGV[3]

if redis.call('GET', node) ~= record then return 0 end
redis.call('DEL', node)
redis.call('SREM', index, id)
redis.call('PUBLISH', channel, 'left ' .. id)
return 1
