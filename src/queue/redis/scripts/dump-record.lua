-- The record of the dump under way, as a batch of entries finds it and leaves it; dump-begin.lua makes
-- it, dump-next.lua moves it on, stage by stage.
local STAGE_KEYS, STAGE_KEPT_KEYS = 1, 2 -- idempotency keys; those that changed meanwhile
local STAGE_PENDING, STAGE_RUNNING, STAGE_SCHEDULED = 3, 4, 5
local STAGE_DEAD, STAGE_CANCELLED = 6, 7 -- they may be run again
local STAGE_IMAGES, STAGE_END = 8, 9
local STAGE_OF = {
  [PENDING] = STAGE_PENDING, [RUNNING] = STAGE_RUNNING, [SCHEDULED] = STAGE_SCHEDULED,
  [DEAD] = STAGE_DEAD, [CANCELLED] = STAGE_CANCELLED,
}
local SET_OF_STAGE = {
  [STAGE_RUNNING] = STATUS_INDEX[RUNNING], [STAGE_SCHEDULED] = STATUS_INDEX[SCHEDULED],
  [STAGE_DEAD] = STATUS_INDEX[DEAD], [STAGE_CANCELLED] = STATUS_INDEX[CANCELLED],
}
local DUMP_FIELDS = {
  "index", "stage", "lane", "after", "images", "keys", "bytes", "max_bytes", "lease_ms",
}

local dump -- fields of the dump under way, as numbers but for the lane
local is_dump_changed = false

-- Ends it with all that was kept for it.
local function drop_dump()
  redis.call("UNLINK", DUMP, DUMP_IMAGES, DUMP_DATA, DUMP_KEYS)
  dump = nil
end

local function open_dump()
  local values = redis.call("HMGET", DUMP, unpack(DUMP_FIELDS))
  if not values[1] then return end
  dump = {}
  for i, field in ipairs(DUMP_FIELDS) do
    dump[field] = field == "lane" and values[i] or tonumber(values[i])
  end
end

-- Writes what was counted. What is kept outlives the dump by a little, and is bounded: a dump that
-- would need more ends here, and is taken at another time.
local function close_dump()
  if not dump or not is_dump_changed then return end
  if dump.bytes > dump.max_bytes then return drop_dump() end
  redis.call("HSET", DUMP, "images", dump.images, "keys", dump.keys, "bytes", dump.bytes)
  for _, key in ipairs({ DUMP_IMAGES, DUMP_DATA, DUMP_KEYS }) do
    redis.call("PEXPIRE", key, 2 * dump.lease_ms)
  end
end
