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

local calls = {
  { "TIME" }, { "TYPE", text }, { "EXISTS", text }, { "SET", text, "1" }, { "GET", text },
  { "MSET", text, "1", other, "1" }, { "MGET", text, other }, { "PEXPIRE", text, 60000 },
  { "SCAN", "0", "MATCH", text, "COUNT", 1 }, { "RPUSH", list, "1" }, { "LRANGE", list, 0, -1 },
  { "LTRIM", list, 0, -1 }, { "HSET", hash, "field", "1" }, { "HSETNX", hash, "field", "1" },
  { "HGET", hash, "field" }, { "HMGET", hash, "field" }, { "HEXISTS", hash, "field" },
  { "HINCRBY", hash, "count", 1 }, { "HLEN", hash }, { "HSCAN", hash, "0" }, { "SADD", set, "1" },
  { "SISMEMBER", set, "1" }, { "SMEMBERS", set }, { "SREM", set, "1" }, { "ZADD", sorted, 1, "1" },
  { "ZINCRBY", sorted, 1, "1" }, { "ZCARD", sorted }, { "ZSCORE", sorted, "1" }, { "ZRANK", sorted, "1" },
  { "ZRANGE", sorted, 0, -1 }, { "ZRANGEBYSCORE", sorted, "-inf", "+inf" },
  { "ZREVRANGEBYSCORE", sorted, "+inf", "-inf" }, { "ZRANGEBYLEX", sorted, "-", "+" },
  { "ZSCAN", sorted, "0" }, { "ZREM", sorted, "1" }, { "XADD", stream, "1-1", "field", "1" },
  { "XRANGE", stream, "-", "+" }, { "XREVRANGE", stream, "+", "-" }, { "XREAD", "STREAMS", stream, "0" },
  { "XTRIM", stream, "MAXLEN", 0 }, { "PUBLISH", at .. "channel", "1" }, { "DEL", other },
  { "UNLINK", text, list, hash, set, sorted, stream },
}
for _, call in ipairs(calls) do
  local reply = redis.pcall(unpack(call))
  local why = type(reply) == "table" and reply.err
  for _, words in ipairs(why and DENIED or {}) do
    if string.find(string.lower(why), words, 1, true) then
      denied[#denied + 1], denied[#denied + 2] = call[1], why
      break
    end
  end
end
return denied
