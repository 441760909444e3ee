// A node's worker, put together from its handlers and what the node knows.
import type { TaskLogLine } from "../../gen/mesh/v1/task_log.js";
import { Executor, type FailedResult } from "../../worker/executor.js";
import { NOWHERE } from "../../worker/handler-place.js";
import type { Logger } from "../../telemetry/logger.js";
import type { TaskAssignment } from "../../worker/attempt.js";
import type { LogLine } from "../../worker/log-line.js";
import { createThreads } from "./node-handlers.js";
import type { NodeParts } from "./node-parts.js";
import type { QueueMachine } from "../../queue/state/queue-machine.js";
import type { StallWatch } from "./stall-watch.js";
import { WorkerAgent } from "../worker/worker-agent.js";

export function createAgent(
  parts: NodeParts,
  machine: QueueMachine,
  stalls: StallWatch,
): WorkerAgent {
  const { config, id, handlers, host, storage, redis, logger } = parts;
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
        report,
        mayStart,
        failed: (assignment, result) => writeFailure(logger, id, assignment, result),
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

/** One line for each attempt that did not succeed: whoever reads the log alone is to find it. */
function writeFailure(
  logger: Logger,
  nodeId: string,
  { taskId, type, attempt }: TaskAssignment,
  result: FailedResult,
): void {
  const fields = { taskId, taskType: type, nodeId, attempt };
  if (result.kind === "given-back") {
    logger.warn(fields, `an attempt was handed back: ${result.reason}`);
    return;
  }
  const { name = "", message = "", stack = "" } = result.failure.error ?? {};
  logger.warn({ ...fields, err: { type: name, message, stack } }, "an attempt failed");
}

/** A handler's line in the log of its task. */
function storedLine({ attempt }: TaskAssignment, line: LogLine): TaskLogLine {
  const { atMs, level, message, fieldsJson: fields } = line;
  return { atMs, attempt, level, message, fields };
}

/** A handler's line in the log of the node. */
function writeLine(logger: Logger, { taskId, type, attempt }: TaskAssignment, line: LogLine): void {
  if (!logger.isLevelEnabled(line.level)) return;
  const fields = line.fieldsJson === "" ? {} : { fields: JSON.parse(line.fieldsJson) as unknown };
  logger[line.level]({ taskId, taskType: type, attempt, ...fields }, line.message);
}
