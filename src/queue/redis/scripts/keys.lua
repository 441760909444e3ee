-- Names of the keys of one mesh; keys.ts builds the same names for readers.
-- KEYS[1] is the mesh's prefix "{tm:<mesh>}:". Names are made here from it and not passed one by
-- one: a batch touches thousands of tasks. The hash tag in the prefix puts every one of them into
-- the same slot, so Redis Cluster runs these scripts on the one node that has them all.
local PREFIX = KEYS[1]
local APPLIED = PREFIX .. "applied"
local STATE = PREFIX .. "task:"
local DATA = PREFIX .. "data:"
local RESULT_OF = PREFIX .. "result:"
local ALL = PREFIX .. "all"
local DUE = PREFIX .. "due"
local QUEUES = PREFIX .. "queues"
local LANES = PREFIX .. "lanes"
local PENDING_IN = PREFIX .. "pending:"
local IDEMPOTENT = PREFIX .. "idempotent:"
local IDEMPOTENT_UNTIL = PREFIX .. "idempotent-until"
local EVENTS = PREFIX .. "events"
