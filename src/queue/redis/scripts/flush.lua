-- Writes the changed tasks of the working set and moves them between the sets of their status.
local function index_of(state, status)
  return STATUS_INDEX[status] or (LANE .. state[PRIORITY] .. ":" .. state[QUEUE])
end

-- A lane is listed while it holds a task.
local function list_lane(key)
  local name = string.sub(key, #LANE + 1)
  if redis.call("EXISTS", key) == 1 then
    redis.call("ZADD", LANES, 0, name)
  else
    redis.call("ZREM", LANES, name)
  end
end

local function flush()
  local writes, adds, removes, lanes, queues = {}, argument_lists(), argument_lists(), {}, {}
  for _, id in ipairs(changed) do
    local state, before = tasks[id], stored_status[id]
    local now, sequence = state[STATUS], state[SEQUENCE]
    writes[#writes + 1] = STATE .. id
    writes[#writes + 1] = cmsgpack.pack(state)
    if before ~= now then
      if before then
        local key = index_of(state, before)
        local list = removes.of(key)
        list[#list + 1] = id
        if before == PENDING then lanes[key] = true end
      else
        queues[state[QUEUE]] = true -- listed from its first task on
        local list = adds.of(ALL)
        list[#list + 1] = sequence
        list[#list + 1] = id
      end
      local key = index_of(state, now)
      local list = adds.of(key)
      list[#list + 1] = sequence
      list[#list + 1] = id
      if now == PENDING then lanes[key] = true end
    end
    if now == SCHEDULED then
      local list = adds.of(DUE)
      list[#list + 1] = state[RUN_AT]
      list[#list + 1] = id
    elseif before == SCHEDULED then
      local list = removes.of(DUE)
      list[#list + 1] = id
    end
    stored_status[id], is_changed[id] = now, nil
  end
  changed = {}
  for first = 1, #writes, MAX_ARGS do
    redis.call("MSET", unpack(writes, first, math.min(first + MAX_ARGS - 1, #writes)))
  end
  for _, key in ipairs(removes.keys) do in_chunks("ZREM", key, removes[key]) end
  for _, key in ipairs(adds.keys) do in_chunks("ZADD", key, adds[key]) end
  for key in pairs(lanes) do list_lane(key) end
  for queue in pairs(queues) do redis.call("ZADD", QUEUES, 0, queue) end
end
