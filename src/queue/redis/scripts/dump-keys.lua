-- Reads the idempotency keys of a dump: those that have not changed since its index, then the images
-- of the others. The locals are those of dump-next.lua.
-- Keys as they are now, unless they have changed since: then they are among the kept ones.
local function read_keys()
  local found = redis.call("ZSCAN", IDEMPOTENT_UNTIL, d.cursor, "COUNT", limit)
  for i = 1, #found[2], 2 do
    local key = found[2][i]
    local value = redis.call("HEXISTS", DUMP_KEYS, key) == 0 and redis.call("GET", IDEMPOTENT .. key)
    if value then put(key) put(value) end
  end
  d.cursor = found[1]
  if d.cursor == "0" then stage = STAGE_KEPT_KEYS end
end

local function read_kept_keys()
  if d.cursor == "0" and redis.call("HLEN", DUMP_KEYS) ~= tonumber(d.keys) then return false end
  local found = redis.call("HSCAN", DUMP_KEYS, d.cursor, "COUNT", limit)
  for i = 1, #found[2], 2 do
    if found[2][i + 1] ~= "" then put(found[2][i]) put(found[2][i + 1]) end
  end
  d.cursor = found[1]
  if d.cursor == "0" then
    redis.call("UNLINK", DUMP_KEYS)
    stage = STAGE_PENDING
  end
  return true
end
