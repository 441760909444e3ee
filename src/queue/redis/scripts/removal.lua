-- Removes ended tasks with everything that is theirs. Idempotency keys stay until their window ends:
-- what was done once is not done again because its record went.
local OWN_KEYS = { STATE, DATA, RESULT_OF, PROGRESS, LOG }

-- The tasks must be loaded, and ended.
local function remove_tasks(ids)
  flush() -- indexes then hold what the batch made of the tasks so far
  local owned, removes = { n = 0 }, argument_lists()
  for _, id in ipairs(ids) do
    local status = stored_status[id]
    if dump then keep_data(id, tasks[id]) end
    for _, prefix in ipairs(OWN_KEYS) do add(owned, prefix .. id) end
    tally(tasks[id], status)
    add(removes.of(ALL), id)
    add(removes.of(STATUS_INDEX[status]), id)
    add(removes.of(ENDED_INDEX[status]), id)
    tasks[id], stored_status[id] = false, nil
  end
  if dump then keep_images(ids) end
  for first = 1, #owned, MAX_ARGS do
    redis.call("UNLINK", unpack(owned, first, math.min(first + MAX_ARGS - 1, #owned)))
  end
  for _, key in ipairs(removes.keys) do in_chunks("ZREM", key, removes[key]) end
  write_counts()
end
