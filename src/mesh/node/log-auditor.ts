// The audit of Redis against this node's own snapshot and log.
import type { QueueMachine } from "../../queue/state/queue-machine.js";
import { readFrames, redisContent } from "../../queue/state/snapshot-format.js";
import { SnapshotContent } from "../../raft/index.js";
import { LogAudit, type LogAuditParts } from "../leader/log-audit.js";
import { committedLog } from "./committed-log.js";
import type { NodeParts } from "./node-parts.js";

/** @param machine that has applied the log which is held against Redis */
export function createLogAudit({ redis, storage }: NodeParts, machine: QueueMachine): LogAudit {
  const snapshot: LogAuditParts["snapshot"] = (signal) => {
    const meta = storage.snapshot();
    if (meta === undefined) return undefined;
    const frames = readFrames(new SnapshotContent(storage, meta, signal));
    return { index: meta.index, content: redisContent(frames) };
  };
  return new LogAudit({ log: committedLog(storage, machine), snapshot, reader: redis.reader });
}
