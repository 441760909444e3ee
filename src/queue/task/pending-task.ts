// A task that waits for a slot, as the leader knows it: everything but its payload.
import { AttemptOutcome, type Backoff, type TaskDefinition } from "../../gen/mesh/v1/task.js";
import type { RunningTask } from "../state/assignment-table.js";
import { deadlineAtMs } from "../state/definition-rules.js";

/** A pending task as Redis tells of it. */
export interface StoredPendingTask {
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

/** A pending task with which the leader works: its backoff is known to be there. */
export interface PendingTask extends StoredPendingTask {
  readonly backoff: Backoff;
}

/**
 * A task that was just submitted, as it waits.
 * @throws Error where it has no backoff: it was never resolved
 */
export function pendingFromDefinition(task: TaskDefinition, sequence: number): PendingTask {
  return {
    id: task.id,
    type: task.type,
    queue: task.queue,
    priority: task.priority,
    sequence,
    attempts: 0,
    maxAttempts: task.maxAttempts,
    backoff: requireBackoff(task.id, task.backoff),
    timeoutMs: task.timeoutMs,
    requires: task.requires,
    losses: 0,
    lapses: 0,
    runAtMs: task.runAtMs,
    deadlineAtMs: deadlineAtMs(task),
  };
}

/** A task that waited in Redis. @throws Error where it has no backoff: it was never resolved */
export function pendingFromRedis(task: StoredPendingTask): PendingTask {
  return { ...task, backoff: requireBackoff(task.id, task.backoff) };
}

/** A released task takes its old place; the attempt that was taken away does not count. */
export function pendingFromRelease(
  { assignment }: RunningTask,
  reason: AttemptOutcome,
): PendingTask {
  return {
    id: assignment.taskId,
    type: assignment.type,
    queue: assignment.queue,
    priority: assignment.priority,
    sequence: assignment.sequence,
    attempts: assignment.attempt - 1,
    maxAttempts: assignment.maxAttempts,
    backoff: requireBackoff(assignment.taskId, assignment.backoff),
    timeoutMs: assignment.timeoutMs,
    requires: assignment.requires,
    losses: assignment.losses + (reason === AttemptOutcome.LOST ? 1 : 0),
    lapses: assignment.lapses + (reason === AttemptOutcome.LAPSED ? 1 : 0),
    runAtMs: assignment.runAtMs,
    deadlineAtMs: assignment.deadlineAtMs,
  };
}

/** Whether the deadline of a task has passed. */
export function isOverdue(
  { deadlineAtMs }: { readonly deadlineAtMs: number },
  nowMs: number,
): boolean {
  return deadlineAtMs > 0 && deadlineAtMs <= nowMs;
}

function requireBackoff(id: string, backoff: Backoff | undefined): Backoff {
  if (backoff === undefined) throw new Error(`task ${id} has no backoff: it was never resolved`);
  return backoff;
}
