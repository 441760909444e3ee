// What applying an entry tells the leader beyond "done": the facts that only the state knows.
import type { Backoff, TaskStatus } from "../../gen/mesh/v1/task.js";

/** A pending task as the scheduler needs it: everything but its data. */
export interface PendingTask {
  readonly id: string;
  readonly type: string;
  readonly queue: string;
  readonly priority: number;
  /** Place in the order of submission; smaller is older. */
  readonly sequence: number;
  /** Attempts that count so far. */
  readonly attempts: number;
  readonly maxAttempts: number;
  readonly backoff: Backoff | undefined;
  readonly timeoutMs: number;
  readonly requires: readonly string[];
  /** How often a node was lost under it in a way that it may have caused. */
  readonly losses: number;
  /** How often its node lived on and had let its lease run out. */
  readonly lapses: number;
  readonly runAtMs: number;
  /** Milliseconds since the epoch; 0 for none. */
  readonly deadlineAtMs: number;
}

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
  | { readonly id: string; readonly result: "pending"; readonly task: PendingTask }
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
  readonly promoted: readonly PendingTask[];
  readonly contradictions: readonly Contradiction[];
  /** Tasks that have ended and that others wait for: a Settle should follow. */
  readonly settling: readonly string[];
}
