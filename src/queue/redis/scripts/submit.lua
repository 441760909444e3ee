-- Submit: creates tasks, pending at once or scheduled. A known id, an idempotency key within its
-- window, or a unique key of a task that has not ended leaves what is there alone and is reported with
-- the id of the task that exists. What depends on other tasks is decided here alone: the leader hears
-- that such a task is pending.
-- command: kind, items (id, lane, sequence, run at, idempotency key, definition, data or "",
--          options as in a state),
--          until when idempotency keys given here hold
local function task_of_key(key, at_ms)
  local held = redis.call("GET", IDEMPOTENT .. key)
  if held then
    local until_ms, id = cmsgpack.unpack(held)
    return until_ms > at_ms and id
  end
end

-- Each key that is kept pays for the removal of two that are over: removal is bounded and falls
-- behind nothing, and it depends on the log alone, not on how entries are cut into batches.
local function keep_key(key, id, at_ms, until_ms)
  if dump then keep_key_image(key) end
  redis.call("SET", IDEMPOTENT .. key, cmsgpack.pack(until_ms, id))
  redis.call("ZADD", IDEMPOTENT_UNTIL, until_ms, key)
  local over = redis.call("ZRANGEBYSCORE", IDEMPOTENT_UNTIL, "-inf", at_ms, "LIMIT", 0, 2)
  for _, old in ipairs(over) do
    if dump then keep_key_image(old) end
    redis.call("DEL", IDEMPOTENT .. old)
    redis.call("ZREM", IDEMPOTENT_UNTIL, old)
  end
end

local function submit(entry, command)
  local at_ms, items, until_ms = entry[2], command[2], command[3]
  for i = 1, #items, 8 do
    local id, run_at, key, data = items[i], items[i + 3], items[i + 4], items[i + 6]
    local options = items[i + 7]
    local unique = options ~= "" and cmsgpack.unpack(options)[UNIQUE_KEY] or ""
    local existing = tasks[id] and id or (key ~= "" and task_of_key(key, at_ms)) or holder_of(unique)
    if existing then
      report(entry, OUTCOME_DUPLICATES, { id, existing })
    else
      local status = run_at <= at_ms and PENDING or SCHEDULED
      tasks[id] = {
        status, 0, 0, run_at, 0, 0, 0, items[i + 2], items[i + 1], "", items[i + 5], "", "", "", 0,
        options, 0,
      }
      if unique ~= "" then redis.call("SET", UNIQUE .. unique, id) end
      if is_waiting(tasks[id]) then
        begin_waiting(entry, id)
      else
        change(entry, id)
        if unique ~= "" and status == PENDING then report(entry, OUTCOME_PROMOTED, id) end
      end
      if data ~= "" then redis.call("SET", DATA .. id, data) end
      if key ~= "" then keep_key(key, id, at_ms, until_ms) end
    end
  end
end
