// What an executor is given, and what it tells.
import type { TaskReport } from "../gen/mesh/v1/worker_service.js";
import type { TaskAssignment } from "./attempt.js";
import type { AbortReason } from "./handler.js";
import type { HandlerPlace } from "./handler-place.js";
import type { HandlerRegistry } from "./handler-registry.js";
import type { LogLine } from "./log-line.js";
import type { AttemptResult } from "./outcome.js";

/** Why the mesh takes a task away from this node; nothing is reported for it. */
export type TakenAway = Extract<
  AbortReason,
  "cancelled" | "deadline-exceeded" | "lease-lost" | "superseded"
>;

export interface ExecutorOptions {
  /** Handlers that run at a time. */
  readonly slots: number;
  readonly handlers: HandlerRegistry;
  /** For the types that do not run in the node's own thread. Closed when the executor has stopped. */
  readonly places: Readonly<Record<"thread" | "host", HandlerPlace>>;
  /** Called once for each assignment that was not taken away, in the order of ending. */
  readonly report: (report: TaskReport) => void;
  /** Called at most every 200 ms and task, and once more at the end of an attempt. */
  readonly progress?: (taskId: string, fence: number, percent: number) => void;
  /**
   * Asked before each handler is started: the one before may have held up the event loop. Where it is
   * false the waiting assignments stay until `abort`. Default: yes.
   */
  readonly mayStart?: () => boolean;
  /** Called for each line that a handler writes. */
  readonly line?: (assignment: TaskAssignment, line: LogLine) => void;
  /** Called for each attempt that did not succeed, before it is reported. */
  readonly failed?: (assignment: TaskAssignment, result: FailedResult) => void;
  /** Default 1 MiB. */
  readonly maxResultBytes?: number;
  /** Wall clock, milliseconds since the epoch. */
  readonly nowMs?: () => number;
}

export type FailedResult = Exclude<AttemptResult, { readonly kind: "result" }>;

export interface ExecutorCounts {
  readonly running: number;
  readonly waiting: number;
  readonly completed: number;
  readonly failed: number;
}
