// The audit of a node, on its own log, table and Redis.
import { logIndex } from "../../raft/index.js";
import { Audit } from "../leader/audit.js";
import type { Consensus } from "./node-consensus.js";
import type { NodeParts } from "./node-parts.js";

export function createAudit({ redis, storage }: NodeParts, { machine, raft }: Consensus): Audit {
  return new Audit({
    table: machine.table,
    appliedIndex: () => machine.appliedIndex,
    appliedWatch: redis.appliedWatch,
    appliedEntry: () => redis.applier.appliedEntry(),
    termAt: (index) => storage.term(logIndex(index)),
    commitIndex: () => raft.status().commit,
    redisAudit: (shows, onFinding) => redis.audit(shows, onFinding),
  });
}
