// The wiring of what a node works: its handlers, the agent that runs them while it holds the lease, the
// stream to the leader, and the end of all that when the node is to leave.
import { Executor } from "../../worker/executor.js";
import { NOWHERE } from "../../worker/handler-place.js";
import type { WorkerHello } from "../../gen/mesh/v1/worker_service.js";
import { storedLine, writeFailure, writeLine } from "./attempt-log.js";
import { LeaderLink } from "../worker/leader-link.js";
import type { Consensus } from "./node-consensus.js";
import { NodeDrain } from "./node-drain.js";
import { createThreads, hostHello } from "./node-handlers.js";
import type { NodeParts } from "./node-parts.js";
import type { QueueMachine } from "../../queue/state/queue-machine.js";
import { SPOKEN_VERSION } from "../../queue/state/mesh-version.js";
import { StallWatch } from "./stall-watch.js";
import { WorkerAgent } from "../worker/worker-agent.js";

export function createAgent(
  parts: NodeParts,
  machine: QueueMachine,
  stalls: StallWatch,
): WorkerAgent {
  const { config, id, handlers, host, storage, redis, clocks, logger } = parts;
  const agent = new WorkerAgent({
    nodeId: id,
    leaseMs: config.worker.leaseMs,
    table: machine.table,
    definitions: machine.definitions,
    bornAtIndex: storage.lastIndex(),
    executor: (report, progress, mayStart, keepLine) =>
      new Executor({
        slots: config.worker.concurrency,
        handlers,
        places: { thread: createThreads(config), host: host ?? NOWHERE },
        nowMs: () => clocks.wallMs(),
        report,
        mayStart,
        failed: (assignment, result) => writeFailure(logger, assignment, result),
        progress: (taskId, fence, percent) => progress({ taskId, fence, percent }),
        line: (assignment, line) => {
          writeLine(logger, assignment, line);
          keepLine(assignment.taskId, assignment.fence, storedLine(assignment, line));
        },
      }),
    fetchDefinitions: (ids) => redis.reader.getDefinitions(ids),
    monotonicMs: () => performance.now(),
    onLease: (leftMs) => host?.granted(leftMs),
    lookForStall: () => stalls.look(),
    logger,
  });
  stalls.onStall(config.worker.leaseMs, () => agent.stalled());
  return agent;
}

export function createLeaderLink(
  { description, host, meshId, id }: NodeParts,
  { leadership, peerCredentials, caller }: Consensus,
  agent: WorkerAgent,
  state: () => Pick<WorkerHello, "draining" | "stalls" | "longestStallMs">,
): LeaderLink {
  const link = new LeaderLink({
    agent,
    ownAddress: description.address,
    leadership: () => leadership.leadership(),
    credentials: peerCredentials,
    caller,
    hello: () => ({
      ...description,
      nodeId: id,
      labels: [...description.labels],
      types: [...description.types],
      meshId,
      ...hostHello(host),
      speaks: SPOKEN_VERSION,
      ...state(),
    }),
  });
  host?.onStatus(() => link.helloChanged());
  return link;
}

export function createDrain(
  { config, id, description, writer, logger }: NodeParts,
  { raft, machine }: Consensus,
  agent: WorkerAgent,
  announce: () => void,
): NodeDrain {
  return new NodeDrain({
    nodeId: id,
    startedAtMs: description.startedAtMs,
    drains: machine.drains,
    announce: () => {
      announce();
      // Where Redis is away the heartbeat writes it later.
      writer.update({ draining: true }).catch((error: unknown) => {
        logger.debug({ err: error }, "the registry does not know yet that this node is drained");
      });
    },
    yieldLeadership: () => raft.yieldLeadership(),
    endWork: () => agent.drain(config.worker.drainGraceMs),
    logger,
  });
}

/** @param announce tells the leader what is counted */
export function createStallWatch({ config, logger }: NodeParts, announce: () => void): StallWatch {
  const { leaseMs } = config.worker;
  return new StallWatch({
    monotonicMs: () => performance.now(),
    countedMs: leaseMs,
    onCounted: (stallMs) => {
      const fields = { stallMs: Math.round(stallMs), leaseMs };
      logger.warn(fields, "the event loop stood still for longer than the lease");
      announce();
    },
  });
}
