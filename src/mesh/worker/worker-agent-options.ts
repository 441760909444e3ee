// What the worker of a node is given: the tables that it reads, an executor, and a way to the leader.
import type { TaskDefinition } from "../../gen/mesh/v1/task.js";
import type { TaskLogLine } from "../../gen/mesh/v1/task_log.js";
import type { TaskLog, TaskProgress, TaskReport } from "../../gen/mesh/v1/worker_service.js";
import type { AssignmentTable } from "../../queue/state/assignment-table.js";
import type { DefinitionCache } from "../../queue/state/definition-cache.js";
import type { Logger } from "../../telemetry/logger.js";
import type { Executor } from "../../worker/executor.js";

/** The way to the leader, while there is one. */
export interface LeaderChannel {
  keepalive(sequence: number): void;
  reports(reports: readonly TaskReport[]): void;
  progress(progress: readonly TaskProgress[]): void;
  logs(logs: readonly TaskLog[]): void;
}

export interface WorkerAgentOptions {
  readonly nodeId: string;
  readonly leaseMs: number;
  readonly table: AssignmentTable;
  readonly definitions: DefinitionCache;
  /** Newest entry that was on disk when this process started: what it assigned ran in an older one. */
  readonly bornAtIndex: number;
  readonly executor: (
    report: (report: TaskReport) => void,
    progress: (progress: TaskProgress) => void,
    mayStart: () => boolean,
    line: (taskId: string, fence: number, line: TaskLogLine) => void,
  ) => Executor;
  /** Hears how long the lease still is, whenever it is granted, in milliseconds. */
  readonly onLease?: (leftMs: number) => void;
  /** Calls `stalled()` at once where the event loop has just stood still. Default: nobody watches. */
  readonly lookForStall?: () => void;
  /** Definitions that are not in the log's recent part; throws while Redis is down. */
  readonly fetchDefinitions: (
    ids: readonly string[],
  ) => Promise<ReadonlyMap<string, TaskDefinition>>;
  /** Monotonic, milliseconds. */
  readonly monotonicMs: () => number;
  readonly logger: Logger;
}
