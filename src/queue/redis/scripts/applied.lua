-- What Redis reflects, as applied-value.ts reads it: "<index> <term> <last> <mesh>". Last is the index of
-- the last entry that changed a task, mesh the identity of the log; "-" where it is not known, as the
-- events before a snapshot that was restored are not.
-- A script does not take back what it wrote before it failed, whatever ended it: a command that its user
-- may not call, a key of another type, a defect. So its first write says that nothing here is to be
-- believed, "-1 0 <index before> <mesh>", and its last one what is: where it dies between the two, whoever
-- leads next finds that, and restores Redis first.
local NOT_WHOLE = "-1"
-- One table: a script may have 200 local variables.
local position = { index = "0", term = "0", last = "-", mesh = "-" }

-- Reads it for a mesh: "<identity> <those that it has taken the place of> …", or "-" for any. What a mesh
-- left whose place was taken is not whole: its log went on from another entry. An error reply where the
-- keys hold the queue of another mesh.
function position.open(owner)
  local mesh, superseded = string.match(owner, "^(%S+)(.*)$")
  local stored = redis.pcall("GET", APPLIED)
  if stored then
    -- Somebody else's value stands for nothing.
    local text = type(stored) == "string" and stored or ""
    local index, term, last, found = string.match(text, "^(%-?%d+) ?(%d*) ?([%d-]*) ?(.*)$")
    position.index, position.term = index or NOT_WHOLE, term or "0"
    if last and last ~= "" then position.last = last end
    if found and found ~= "" then position.mesh = found end
  end
  if mesh == "-" then return nil end
  if position.mesh ~= "-" and position.mesh ~= mesh then
    if not string.find(superseded .. " ", " " .. position.mesh .. " ", 1, true) then
      return redis.error_reply("FOREIGNMESH " .. position.mesh)
    end
    if position.index ~= NOT_WHOLE then position.index, position.last = NOT_WHOLE, position.index end
  end
  position.mesh = mesh
end

function position.write(index, term, last)
  redis.call("SET", APPLIED, index .. " " .. term .. " " .. last .. " " .. position.mesh)
end
