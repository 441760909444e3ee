-- Reads the tasks of a dump: those that have not changed since its index, set by set, then
-- the images of the others. The locals are those of dump-next.lua.
-- The next tasks of a set that have not changed since; true when it is read to its end.
local function read_set(key)
  local ids = redis.call("ZRANGEBYSCORE", key, "(" .. d.after, d.max_sequence, "LIMIT", 0, room)
  if #ids == 0 then return true end
  local keys = {}
  for i, id in ipairs(ids) do keys[i] = STATE .. id end
  local states = redis.call("MGET", unpack(keys))
  for i, id in ipairs(ids) do
    local state = unpack_state(states[i])
    if state[CHANGED] <= index then
      put(id) put(states[i]) put(redis.call("GET", DATA .. id) or "")
    end
    d.after, room = state[SEQUENCE], room - 1
    if size >= max_bytes then return false end
  end
  return room > 0
end

local function next_lane()
  local from = d.lane == "" and "-" or "(" .. d.lane
  return redis.call("ZRANGEBYLEX", LANES, from, "+", "LIMIT", 0, 1)[1]
end

local function read_lanes()
  while room > 0 and size < max_bytes do
    if d.lane == "" or read_set(PENDING_IN .. d.lane) then
      local lane = next_lane()
      if not lane then
        stage, d.after = STAGE_RUNNING, "-1"
        return
      end
      d.lane, d.after, room = lane, "-1", room - 1
    end
  end
end

-- A state with its result, behind the byte that says that it is elsewhere. Where the task was removed since,
-- the log says so behind the dump.
local function with_result(id, stored)
  local state = unpack_state(stored)
  if state[RESULT] ~= ELSEWHERE then return stored end
  state[RESULT] = ELSEWHERE .. (redis.call("GET", RESULT_OF .. id) or "")
  return pack_state(state)
end

local function read_images()
  local pairs_now = redis.call("LRANGE", DUMP_IMAGES, 0, 2 * limit - 1)
  local taken = 0
  while taken < #pairs_now and size < max_bytes do
    local id = pairs_now[taken + 1]
    put(id) put(with_result(id, pairs_now[taken + 2]))
    put(redis.call("HGET", DUMP_DATA, id) or redis.call("GET", DATA .. id) or "")
    taken = taken + 2
  end
  redis.call("LTRIM", DUMP_IMAGES, taken, -1)
  read = read + taken / 2
  if taken < #pairs_now or #pairs_now == 2 * limit then return true end
  stage = STAGE_END
  return read == tonumber(d.images)
end
