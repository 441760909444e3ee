// Tells who waits for the end of a task that the log says so: also while Redis is away, and nothing is
// polled.
import { TaskStatus } from "../gen/mesh/v1/task.js";
import type { QueueChange } from "../queue/assignment-table.js";
import { QueueError } from "../queue/errors.js";
import type { AppliedEntry } from "./queue-machine.js";

const MAX_WAITERS = 20_000;

type Ended = (index: number) => void;

export class TaskFeed {
  readonly #waiters = new Map<string, Set<Ended>>();
  #waiting = 0;

  applied({ index, changes }: AppliedEntry): void {
    if (this.#waiting === 0) return;
    for (const change of changes) {
      const id = endedBy(change);
      if (id !== undefined) this.#end(id, index);
    }
  }

  /**
   * Resolves with the index of the entry that ends the task, or with undefined when the time is up
   * or `signal` is aborted. Register before reading the task, so that its end is not missed.
   */
  ended(id: string, timeoutMs: number, signal: AbortSignal): Promise<number | undefined> {
    if (this.#waiting >= MAX_WAITERS) {
      throw new QueueError("overloaded", `${MAX_WAITERS} calls wait already`, {
        retryAfterMs: 1_000,
      });
    }
    return new Promise((resolve) => {
      const settle = (index: number | undefined): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", giveUp);
        this.#remove(id, settle);
        resolve(index);
      };
      const giveUp = (): void => settle(undefined);
      const timer = setTimeout(giveUp, timeoutMs);
      signal.addEventListener("abort", giveUp, { once: true });
      this.#add(id, settle);
      if (signal.aborted) giveUp();
    });
  }

  #add(id: string, ended: Ended): void {
    const waiters = this.#waiters.get(id);
    if (waiters === undefined) this.#waiters.set(id, new Set([ended]));
    else waiters.add(ended);
    this.#waiting += 1;
  }

  #remove(id: string, ended: Ended): void {
    const waiters = this.#waiters.get(id);
    if (waiters?.delete(ended) !== true) return;
    this.#waiting -= 1;
    if (waiters.size === 0) this.#waiters.delete(id);
  }

  #end(id: string, index: number): void {
    for (const ended of [...(this.#waiters.get(id) ?? [])]) ended(index);
  }
}

/** Whether a task in this state has reached its end. */
export function isEnd(status: TaskStatus): boolean {
  return (
    status === TaskStatus.COMPLETED || status === TaskStatus.DEAD || status === TaskStatus.CANCELLED
  );
}

/** The task that a change ends; undefined for a change that ends none. */
function endedBy(change: QueueChange): string | undefined {
  switch (change.kind) {
    case "finished":
      return change.finish.outcome?.$case === "retry" ? undefined : change.finish.taskId;
    case "cancelled":
      return change.taskId;
    case "submitted":
    case "assigned":
    case "released":
    case "retried":
      return undefined;
  }
}
