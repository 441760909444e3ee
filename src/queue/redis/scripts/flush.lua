-- Writes the changed tasks of the working set and moves them between the sets of their status.
local function index_of(state, status)
  return STATUS_INDEX[status] or (PENDING_IN .. state[LANE])
end

-- A lane is listed while it holds a task.
local function list_lane(key)
  local name = string.sub(key, #PENDING_IN + 1)
  if redis.call("EXISTS", key) == 1 then
    redis.call("ZADD", LANES, 0, name)
  else
    redis.call("ZREM", LANES, name)
  end
end

local function flush()
  local writes, adds, removes, lanes, new_in = {}, argument_lists(), argument_lists(), {}, {}
  for n, id in ipairs(changed) do
    local state, before = tasks[id], stored_status[id]
    local now, sequence = state[STATUS], state[SEQUENCE]
    writes[2 * n - 1], writes[2 * n] = STATE .. id, pack_state(state)
    if before ~= now then
      tally(state, before, now)
      if before then
        local key = index_of(state, before)
        add(removes.of(key), id)
        if before == PENDING then lanes[key] = true end
      else
        new_in[state[LANE]] = true
        add(adds.of(ALL), sequence, id)
      end
      local key = index_of(state, now)
      add(adds.of(key), sequence, id)
      if now == PENDING then lanes[key] = true end
    end
    if ENDED_INDEX[now] then
      add(adds.of(ENDED_INDEX[now]), state[FINISHED_AT], id)
    end
    -- One batch may retry a task and end it another way.
    if before ~= now and ENDED_INDEX[before] then
      add(removes.of(ENDED_INDEX[before]), id)
    end
    if state[OPTIONS] ~= "" then
      index_options(id, state, before)
    end
    if now == SCHEDULED and not is_waiting(state) then
      add(adds.of(DUE), state[RUN_AT], id)
    elseif before == SCHEDULED then
      add(removes.of(DUE), id)
    end
    stored_status[id], is_changed[id] = now, nil
  end
  if dump then keep_images(changed) end
  changed = {}
  for first = 1, #writes, MAX_ARGS do
    redis.call("MSET", unpack(writes, first, math.min(first + MAX_ARGS - 1, #writes)))
  end
  for _, key in ipairs(removes.keys) do in_chunks("ZREM", key, removes[key]) end
  for _, key in ipairs(adds.keys) do in_chunks("ZADD", key, adds[key]) end
  for key in pairs(lanes) do list_lane(key) end
  write_counts()
  for lane in pairs(new_in) do
    redis.call("ZADD", QUEUES, 0, queue_of(lane)) -- listed from its first task on
  end
end
