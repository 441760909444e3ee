// What applying an entry tells the leader beyond "done": the facts that only the state knows.
import type { TaskStatus } from "../../gen/mesh/v1/task.js";
import type { StoredPendingTask } from "../task/pending-task.js";

/** A submitted task that was not created; `existingId` stands for it. */
export interface DuplicateTask {
  readonly id: string;
  readonly existingId: string;
}

/** `status` is the one that the task had before; UNSPECIFIED when there is no such task. */
export type CancelResult =
  | { readonly id: string; readonly result: "cancelled"; readonly status: TaskStatus }
  | { readonly id: string; readonly result: "not-found"; readonly status: TaskStatus }
  | { readonly id: string; readonly result: "ended"; readonly status: TaskStatus };

/** `status` is the one that the task had before; UNSPECIFIED when there is no such task. */
export type RetryResult =
  | { readonly id: string; readonly result: "pending"; readonly task: StoredPendingTask }
  | { readonly id: string; readonly result: "not-found"; readonly status: TaskStatus }
  | { readonly id: string; readonly result: "not-retryable"; readonly status: TaskStatus };

/** An assignment of a task that was not assignable: the proposer's picture was wrong. */
export interface Contradiction {
  readonly id: string;
  readonly reason: "not-found" | "not-due" | "running" | "ended";
}

/** One per entry that has something to tell, in log order. */
export interface ApplyOutcome {
  readonly index: number;
  readonly duplicates: readonly DuplicateTask[];
  /** Ids of finishes and releases whose fence was not that of the running attempt. */
  readonly stale: readonly string[];
  readonly cancelled: readonly CancelResult[];
  readonly retried: readonly RetryResult[];
  /** The earliest first. */
  readonly promoted: readonly StoredPendingTask[];
  readonly contradictions: readonly Contradiction[];
  /** Tasks that have ended and that others wait for: a Settle should follow. */
  readonly settling: readonly string[];
}
