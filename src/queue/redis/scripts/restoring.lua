-- A step of loading a snapshot: the steps follow one another without a gap, each done once. Redis may
-- lose the last of them, or another leader may have begun anew: then a restore counts for nothing.
-- ARGV[1]  token of the restore   ARGV[2] number of the step, from 0
local function take_step()
  local held = redis.call("HMGET", RESTORING, "token", "step")
  if held[1] ~= ARGV[1] or held[2] ~= ARGV[2] then
    return redis.error_reply("RESTOREINTERRUPTED " .. (held[1] and "another restore or step" or "none is under way"))
  end
  redis.call("HINCRBY", RESTORING, "step", 1)
end
