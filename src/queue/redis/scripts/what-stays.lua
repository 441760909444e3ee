-- Which keys a snapshot takes the place of, by their names, and which tasks stay beside it.
-- What a name has before the first colon, or the whole of it.
local OF_ONE_TASK = { ["task:"] = true, ["data:"] = true, ["result:"] = true, ["progress:"] = true, ["log:"] = true }
local FOLLOWS = {
  ["pending:"] = true, ["counts:"] = true, ["idempotent:"] = true, ["unique:"] = true, ["dependents:"] = true,
}
local SETS = {
  ALL, DUE, LANES, IDEMPOTENT_UNTIL, DEADLINES, SETTLING, COUNTING, COUNTED,
  DUMP, DUMP_IMAGES, DUMP_DATA, DUMP_KEYS,
}
for _, key in pairs(STATUS_INDEX) do SETS[#SETS + 1] = key end
for _, key in pairs(ENDED_INDEX) do SETS[#SETS + 1] = key end

-- A completed task that no entry behind `keep` has touched, with its result.
local function stays(id, keep)
  local value = redis.pcall("GET", STATE .. id)
  local is_state, state = pcall(unpack_state, value)
  return is_state and state[STATUS] == COMPLETED and state[CHANGED] <= keep
    and (state[RESULT] ~= ELSEWHERE or redis.call("EXISTS", RESULT_OF .. id) == 1)
end

-- They grow with the log and hold nothing wrong, unless they are somebody else's.
local function drop_unless(kind, key)
  if redis.call("TYPE", key).ok ~= kind then redis.call("UNLINK", key) end
end
