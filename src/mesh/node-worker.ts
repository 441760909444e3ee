// A node's worker, put together from its handlers and what the node knows.
import { Executor } from "../worker/executor.js";
import type { NodeParts } from "./node-parts.js";
import type { QueueMachine } from "./queue-machine.js";
import type { StallWatch } from "./stall-watch.js";
import { WorkerAgent } from "./worker-agent.js";

export function createAgent(
  parts: NodeParts,
  machine: QueueMachine,
  stalls: StallWatch,
): WorkerAgent {
  const { config, id, handlers, storage, redis, logger } = parts;
  const agent = new WorkerAgent({
    nodeId: id,
    leaseMs: config.worker.leaseMs,
    table: machine.table,
    definitions: machine.definitions,
    bornAtIndex: storage.lastIndex(),
    executor: (report, progress, mayStart) =>
      new Executor({
        slots: config.worker.concurrency,
        handlers,
        report,
        mayStart,
        progress: (taskId, fence, percent) => progress({ taskId, fence, percent }),
        logFor: ({ taskId, type }) => logger.child({ taskId, taskType: type }),
      }),
    fetchDefinitions: (ids) => redis.reader.getDefinitions(ids),
    monotonicMs: () => performance.now(),
    lookForStall: () => stalls.look(),
    logger,
  });
  stalls.onStall(config.worker.leaseMs, () => agent.stalled());
  return agent;
}
