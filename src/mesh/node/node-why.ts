// A node's answers to why a task stands where it does, on its own log, tables and Redis.
import { logIndex } from "../../raft/index.js";
import type { Consensus } from "./node-consensus.js";
import type { NodeParts } from "./node-parts.js";
import type { NodeTaskReads } from "../reads/task-reads.js";
import { TaskWhy } from "../reads/why/task-why.js";

export function createTaskWhy(
  { id, redis, storage }: NodeParts,
  { leadership, raft, machine }: Consensus,
  reads: NodeTaskReads,
): TaskWhy {
  return new TaskWhy({
    nodeId: id,
    leadership,
    raft,
    machine,
    reads,
    reader: redis.reader,
    queues: redis.queues,
    events: redis.eventReader,
    appliedWatch: redis.appliedWatch,
    termAt: (index) => storage.term(logIndex(index)),
  });
}
