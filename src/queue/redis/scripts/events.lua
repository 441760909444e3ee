-- Notes every change of a task, in the order in which the batch makes them, and appends those of one
-- log entry to the stream of events in the same atomic step. event-record.ts reads the same layout.
-- Field "e" of a record: MessagePack {previous, at_ms, last, status, attempts, worker, lane, type,
-- {id, …}, status, …}: runs of changes that differ in the task alone.
--   previous  index of the last entry before this one that changed a task: who has seen that one
--             misses nothing between
--   last      whether these are the last changes of the entry
-- Its id: <log index>-<place of its first change in the entry>. The same log gives the same records.
local MAX_CHANGES = 128 -- of one record
local records, record, room = {}, nil, 0
local byte, sub = string.byte, string.sub
local run, run_size, run_status, run_attempts, run_worker, run_lane, run_type
local previous_event -- set by apply.lua

-- Field 2 of the definition, behind the id (field 1); tag and length, 1 byte each for an id, are in
-- front of both.
local function type_of(id, definition)
  local at = #id + 3
  local tag, length, more = byte(definition, at, at + 2)
  if tag ~= 18 then return "" end
  if length < 128 then return sub(definition, at + 2, at + 1 + length) end
  return sub(definition, at + 3, at + 2 + length - 128 + 128 * more)
end

-- Notes the state that a task has now.
local function note(id, s)
  local status, attempts, worker, lane = s[STATUS], s[ATTEMPTS], s[WORKER], s[LANE]
  local type = type_of(id, s[DEFINITION])
  if room == 0 then
    record, room, run_status = { 0, 0, false }, MAX_CHANGES, nil
    records[#records + 1] = record
  end
  room = room - 1
  if status == run_status and attempts == run_attempts and worker == run_worker
    and lane == run_lane and type == run_type then
    run_size = run_size + 1
    run[run_size] = id
    return
  end
  run, run_size, run_status, run_attempts, run_worker = { id }, 1, status, attempts, worker
  run_lane, run_type = lane, type
  local n = #record
  record[n + 1], record[n + 2], record[n + 3] = status, attempts, worker
  record[n + 4], record[n + 5], record[n + 6] = lane, type, run
end

-- Appends what the entry changed. A record that is there already, because Redis kept the stream and
-- lost the rest, is the same one. Where some changes of the entry are in the state already, and so
-- were left out (entry.is_partial), they are not known here: the stream begins anew behind it.
local function append_events(entry, max_records)
  local count = #records
  if entry.is_partial then
    previous_event, records, room, count = entry[1], {}, 0, 0
  end
  if count == 0 then return end
  for n, made in ipairs(records) do
    made[1], made[2], made[3] = previous_event, entry[2], n == count
    local id = entry[1] .. "-" .. (n - 1) * MAX_CHANGES
    local reply = redis.pcall("XADD", EVENTS, "MAXLEN", "~", max_records, id, "e", cmsgpack.pack(made))
    if reply.err and not string.find(reply.err, "equal or smaller", 1, true) then
      error(reply.err)
    end
  end
  previous_event, records, room = entry[1], {}, 0
end
