-- Calls every command that the scripts and readers of taskmesh call, on keys that are there for that alone
-- and gone at the end: what the user of the connection may not call would end a script in the middle.
-- What Redis refuses for another reason, such as that it is full, is not denied. A test holds the list
-- against the scripts.
-- KEYS[1]  prefix of the mesh's keys
-- Returns  {command, why it is denied, …}
local at = KEYS[1] .. "access:"
local text, list, hash, set = at .. "text", at .. "list", at .. "hash", at .. "set"
local sorted, stream, other = at .. "sorted", at .. "stream", at .. "other"
-- As Redis 6.2, 7.0 and 7.2 say it; a command may be taken away altogether, too.
local DENIED = {
  "noperm", "the user executing the script can't", "acl failure", "unknown redis command", "unknown command",
}
local denied = {}

local function try(command, ...)
  local reply = redis.pcall(command, ...)
  local why = type(reply) == "table" and reply.err
  if not why then return end
  for _, words in ipairs(DENIED) do
    if string.find(string.lower(why), words, 1, true) then
      denied[#denied + 1], denied[#denied + 2] = command, why
      return
    end
  end
end

try("TIME")
try("TYPE", text)
try("EXISTS", text)
try("SET", text, "1")
try("GET", text)
try("MSET", text, "1", other, "1")
try("MGET", text, other)
try("PEXPIRE", text, 60000)
try("SCAN", "0", "MATCH", text, "COUNT", 1)
try("RPUSH", list, "1")
try("LRANGE", list, 0, -1)
try("LTRIM", list, 0, -1)
try("HSET", hash, "field", "1")
try("HSETNX", hash, "field", "1")
try("HGET", hash, "field")
try("HMGET", hash, "field")
try("HEXISTS", hash, "field")
try("HINCRBY", hash, "count", 1)
try("HLEN", hash)
try("HSCAN", hash, "0")
try("SADD", set, "1")
try("SISMEMBER", set, "1")
try("SMEMBERS", set)
try("SREM", set, "1")
try("ZADD", sorted, 1, "1")
try("ZINCRBY", sorted, 1, "1")
try("ZCARD", sorted)
try("ZSCORE", sorted, "1")
try("ZRANK", sorted, "1")
try("ZRANGE", sorted, 0, -1)
try("ZRANGEBYSCORE", sorted, "-inf", "+inf")
try("ZREVRANGEBYSCORE", sorted, "+inf", "-inf")
try("ZRANGEBYLEX", sorted, "-", "+")
try("ZSCAN", sorted, "0")
try("ZREM", sorted, "1")
try("XADD", stream, "1-1", "field", "1")
try("XRANGE", stream, "-", "+")
try("XREVRANGE", stream, "+", "-")
try("XREAD", "STREAMS", stream, "0")
try("XTRIM", stream, "MAXLEN", 0)
try("PUBLISH", at .. "channel", "1")
try("DEL", other)
try("UNLINK", text, list, hash, set, sorted, stream)
return denied
