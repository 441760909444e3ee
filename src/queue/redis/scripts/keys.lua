-- Names of the keys of one mesh; keys.ts builds the same names for readers.
-- KEYS[1] is the mesh's prefix "{tm:<mesh>}:". Names are made here from it and not passed one by
-- one: a batch touches thousands of tasks. The hash tag in the prefix puts every one of them into
-- the same slot, so Redis Cluster runs these scripts on the one node that has them all.
local PREFIX = KEYS[1]
local APPLIED = PREFIX .. "applied"
local STATE = PREFIX .. "task:"
local DATA = PREFIX .. "data:"
local RESULT_OF = PREFIX .. "result:"
local PROGRESS = PREFIX .. "progress:" -- "<fence> <percent>", as progress.lua keeps it
local LOG = PREFIX .. "log:" -- stream of the lines of a task's handlers, see log.lua
local ALL = PREFIX .. "all"
local DUE = PREFIX .. "due"
local QUEUES = PREFIX .. "queues"
local LANES = PREFIX .. "lanes"
local PENDING_IN = PREFIX .. "pending:"
local COUNTS = PREFIX .. "counts:"
local IDEMPOTENT = PREFIX .. "idempotent:"
local IDEMPOTENT_UNTIL = PREFIX .. "idempotent-until"
local DEADLINES = PREFIX .. "deadlines" -- of tasks that have not ended
local UNIQUE = PREFIX .. "unique:" -- of each key: the task that holds it
local DEPENDENTS = PREFIX .. "dependents:" -- of each task: those that wait for its end, by sequence
local SETTLING = PREFIX .. "settling" -- tasks that have ended and are waited for; 1: it completed
local EVENTS = PREFIX .. "events"
-- Hash: the audit that counts tasks, and the sequence that it has come to. See counting-next.lua.
local COUNTING = PREFIX .. "counting"
local COUNTED = PREFIX .. "counting:tasks" -- hash: "<status>:<queue>" -> how many it has counted
-- Hash: the snapshot that is being loaded. While it is there, nothing else may be applied.
local RESTORING = PREFIX .. "restoring"
-- Hash: schedules, queues and drained nodes, and the entry that they are of. See settings.lua.
local SETTINGS = PREFIX .. "settings"
-- Hash: the dump under way, with what it has yet to read as it was. See before-images.lua.
local DUMP = PREFIX .. "dump"
local DUMP_IMAGES = PREFIX .. "dump:images" -- list: id, state, id, state, …
local DUMP_DATA = PREFIX .. "dump:data" -- hash: id -> data of a task that was removed
local DUMP_KEYS = PREFIX .. "dump:keys" -- hash: idempotency key -> what it held, "" for nothing
