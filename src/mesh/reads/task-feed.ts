// Tells those who wait for the end of a task as soon as the log says that it ended: by event, and
// also while Redis is away.
import type { QueueChange } from "../../queue/state/assignment-table.js";
import { QueueError } from "../../queue/errors.js";
import type { AppliedEntry } from "../../queue/state/queue-machine.js";

const MAX_WAITERS = 20_000;

type Ended = (index: number) => void;

export interface TaskWatch {
  /**
   * Index of the entry that may have ended the task: read it again. Undefined when the time is up or
   * nobody waits any more.
   */
  readonly ended: Promise<number | undefined>;
  /** The task waits for no others: what becomes of such tasks does not concern it. */
  dependsOnNone(): void;
}

export class TaskFeed {
  readonly #waiters = new Map<string, Set<Ended>>();
  /** Those whose task may wait for other tasks: which of these end is not said in the log. */
  readonly #dependent = new Set<Ended>();
  #waiting = 0;

  /** An entry was applied: whoever waits for a task that it ended is told. */
  applied({ index, changes }: AppliedEntry): void {
    if (this.#waiting === 0) return;
    for (const change of changes) {
      if (change.kind === "settled") this.#settled(index);
      const id = endedBy(change);
      if (id !== undefined) this.#end(id, index);
    }
  }

  /**
   * A snapshot took the place of the entries up to `index`: which tasks ended in them is not said, so that
   * every one that is waited for is to be looked at again.
   */
  restored(index: number): void {
    for (const waiters of [...this.#waiters.values()])
      for (const ended of [...waiters]) ended(index);
  }

  /**
   * Watches for the entry that ends the task; ends when the time is up or `signal` is aborted.
   * Register before reading the task, so that its end is not missed.
   */
  watch(id: string, timeoutMs: number, signal: AbortSignal): TaskWatch {
    if (this.#waiting >= MAX_WAITERS) {
      throw new QueueError("overloaded", `${MAX_WAITERS} calls wait already`, {
        retryAfterMs: 1_000,
      });
    }
    let dependsOnNone = (): void => undefined;
    const ended = new Promise<number | undefined>((resolve) => {
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
      dependsOnNone = () => void this.#dependent.delete(settle);
      if (signal.aborted) giveUp();
    });
    return { ended, dependsOnNone };
  }

  #add(id: string, ended: Ended): void {
    const waiters = this.#waiters.get(id);
    if (waiters === undefined) this.#waiters.set(id, new Set([ended]));
    else waiters.add(ended);
    this.#dependent.add(ended);
    this.#waiting += 1;
  }

  #remove(id: string, ended: Ended): void {
    const waiters = this.#waiters.get(id);
    if (waiters?.delete(ended) !== true) return;
    this.#dependent.delete(ended);
    this.#waiting -= 1;
    if (waiters.size === 0) this.#waiters.delete(id);
  }

  #settled(index: number): void {
    for (const ended of [...this.#dependent]) ended(index);
  }

  #end(id: string, index: number): void {
    for (const ended of [...(this.#waiters.get(id) ?? [])]) ended(index);
  }
}

/** The task that a change ends; undefined for a change that ends none. */
function endedBy(change: QueueChange): string | undefined {
  switch (change.kind) {
    case "finished":
      return change.finish.outcome?.$case === "retry" ? undefined : change.finish.taskId;
    case "cancelled":
    case "overdue":
      return change.taskId;
    case "submitted":
    case "assigned":
    case "released":
    case "retried":
    case "settled":
      return undefined;
  }
}
