-- Operate: a call of a client. It takes effect where no entry before had this operation, and where it has
-- not expired; what it did is kept until its expiry, so that a call that comes again is told the same.
-- One that is known stays known until the later expiry. operation-table.ts says the same for the nodes.
-- command: kind, items (id), kind of the command, key of the operation, expiry, what else the command has
-- Keeps: {{id that was changed, …}, status that the first task had (0: no such task), state that it has
--        now where it is the only one and was changed, or "", task that holds its unique key, or ""}
local function answer_of(ids, changed, status)
  local id = ids[1]
  local state = #ids == 1 and tasks[id]
  if not state then return { changed, status, "", "" } end
  if #changed > 0 then return { changed, status, pack_state(state), "" } end
  local key = state[OPTIONS] ~= "" and options_of(state)[UNIQUE_KEY] or ""
  return { changed, status, "", holder_of(key) or "" }
end

local function operate(entry, command)
  local ids, key, expires, at_ms = command[2], command[4], command[5], entry[2]
  local held = redis.call("GET", IDEMPOTENT .. key)
  if held then
    local until_ms, answer = cmsgpack.unpack(held)
    if until_ms > at_ms then
      if expires > until_ms then keep_key(key, answer, at_ms, expires) end
      return
    end
  end
  if expires <= at_ms then return end
  local first = ids[1] and tasks[ids[1]]
  local status = first and first[STATUS] or 0
  local changed = transitions[command[3]](entry, { command[3], ids, command[6] })
  keep_key(key, cmsgpack.pack(answer_of(ids, changed, status)), at_ms, expires)
end
