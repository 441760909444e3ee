// What a leader is made of: its settings, and what it needs of the log, Redis and the node.
import type { SubmitTaskResult } from "../../gen/mesh/v1/task_service.js";
import type { AssignmentTable } from "../state/assignment-table.js";
import type { BacklogReader } from "./backlog.js";
import type { BalancerSettings } from "../balancing/create-policy.js";
import type { QueueTable } from "../state/queue-table.js";
import type { OperationTable } from "../state/operation-table.js";
import type { DefinitionCache } from "../state/definition-cache.js";
import type { DrainTable } from "../state/drain-table.js";
import type { DependentsReader } from "./dependents.js";
import type { CommandLog } from "./entry-proposer.js";
import type { PendingLimits } from "../pending/pending-set.js";
import type { AttemptLines } from "../redis/log-writer.js";
import type { AttemptProgress } from "../redis/progress-writer.js";
import type { Applier, CommittedLog, SnapshotRestorer } from "./redis-sync.js";
import type { LossRules } from "../task/attempt-ending.js";
import type { RetentionReader, RetentionSettings } from "./retention.js";
import type { ScheduleTable } from "../state/schedule-table.js";
import type { SubmissionDefaults } from "../task/define-task.js";
import type { SubmissionReader } from "./known-tasks.js";

export interface LeaderSettings {
  readonly leaseMs: number;
  /** How long after the election an earlier leader may still have granted leases. */
  readonly handoverMs: number;
  readonly losses: LossRules;
  readonly acceptUnknownTypes: boolean;
  /** Committed work that waits for Redis; past it a submission is refused. */
  readonly maxUnappliedBytes: number;
  readonly defaults: SubmissionDefaults;
  readonly retention: RetentionSettings;
  /** A pending task's priority rises by one for each such time that it waits; 0: never. */
  readonly agingMs: number;
  readonly balancer: BalancerSettings;
}

export interface LeaderReader
  extends BacklogReader, SubmissionReader, DependentsReader, RetentionReader {
  nextScheduledAtMs(): Promise<number | undefined>;
}

export interface LeaderLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface LeaderParts {
  readonly settings: LeaderSettings;
  /** Entry with which the term began: Redis must reflect it before it is trusted. */
  readonly startIndex: number;
  readonly log: CommandLog;
  readonly committedLog: CommittedLog;
  readonly applier: Applier;
  /** Absent: a Redis that the log does not reach back to stays as it is. */
  readonly snapshots?: SnapshotRestorer;
  readonly reader: LeaderReader;
  readonly table: AssignmentTable;
  readonly schedules: ScheduleTable;
  readonly queues: QueueTable;
  readonly operations: OperationTable;
  /** Default: no node is to leave. */
  readonly drains?: DrainTable;
  readonly definitions: DefinitionCache;
  /** Log time, milliseconds since the epoch: it never goes back and never stands. */
  readonly now: () => number;
  /** Milliseconds of a clock that never jumps, for leases. Default: that of the process. */
  readonly monotonicMs?: () => number;
  /** Smaller in tests. */
  readonly pendingLimits?: PendingLimits;
  /** Tasks read from Redis at a time. */
  readonly backlogReadLimit?: number;
  /** False while no node may be taken for lost, since this one may lead no more. Default: never. */
  readonly mayRelease?: () => boolean;
  readonly random: () => number;
  readonly refusal: (error: unknown) => SubmitTaskResult;
  /** Shows how far running tasks have come. Default: nobody does. */
  readonly keepProgress?: (all: readonly AttemptProgress[]) => void;
  /** Keeps what handlers write down. Default: nobody does. */
  readonly keepLines?: (all: readonly AttemptLines[]) => void;
  readonly logger: LeaderLogger;
  /** The picture can no longer be trusted: close this leader; begin anew where the node still leads. */
  readonly onLost: (reason: string) => void;
}
