// Tells who waits for a task, or watches them, what the log says of it. Nothing is polled.
import { TaskStatus } from "../gen/mesh/v1/task.js";
import type { WatchTasksResponse } from "../gen/mesh/v1/task_service.js";
import type { QueueChange } from "../queue/assignment-table.js";
import { QueueError } from "../queue/errors.js";
import type { AppliedEntry } from "./queue-machine.js";

const MAX_WAITERS = 20_000;
const MAX_WATCHERS = 1_000;
/** Changes that a slow watcher may be behind; past it its stream is ended with an error. */
const MAX_BUFFERED = 10_000;

type Ended = (index: number) => void;

interface Watcher {
  readonly ids: ReadonlySet<string>;
  readonly buffer: WatchTasksResponse[];
  overrun: boolean;
  wake: () => void;
}

export class TaskFeed {
  readonly #waiters = new Map<string, Set<Ended>>();
  readonly #watchers = new Set<Watcher>();
  #waiting = 0;

  applied({ index, changes }: AppliedEntry, atMs: number): void {
    if (this.#waiting === 0 && this.#watchers.size === 0) return;
    for (const change of changes) {
      const event = eventOf(change, index, atMs);
      if (isEnd(event.status)) this.#end(event.id, index);
      for (const watcher of this.#watchers) offer(watcher, event);
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

  /** Changes from now on, in log order. Throws where the reader is too slow. */
  async *watch(ids: readonly string[], signal: AbortSignal): AsyncIterable<WatchTasksResponse> {
    if (this.#watchers.size >= MAX_WATCHERS) {
      throw new QueueError("overloaded", `${MAX_WATCHERS} watchers are served already`);
    }
    const watcher: Watcher = {
      ids: new Set(ids),
      buffer: [],
      overrun: false,
      wake: () => undefined,
    };
    const onAbort = (): void => watcher.wake();
    signal.addEventListener("abort", onAbort);
    this.#watchers.add(watcher);
    try {
      while (!signal.aborted) {
        yield* watcher.buffer.splice(0);
        if (watcher.overrun) {
          throw new QueueError("overloaded", `the watcher fell ${MAX_BUFFERED} changes behind`);
        }
        // It may have been aborted while the reader was busy: no event comes any more.
        if (watcher.buffer.length === 0 && !isAborted(signal)) {
          await new Promise<void>((resolve) => (watcher.wake = resolve));
        }
      }
    } finally {
      this.#watchers.delete(watcher);
      signal.removeEventListener("abort", onAbort);
    }
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

/** Asked anew: it changes while a generator is suspended. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

function offer(watcher: Watcher, event: WatchTasksResponse): void {
  if (watcher.ids.size > 0 && !watcher.ids.has(event.id)) return;
  if (watcher.buffer.length >= MAX_BUFFERED) watcher.overrun = true;
  else watcher.buffer.push(event);
  watcher.wake();
}

function eventOf(change: QueueChange, index: number, atMs: number): WatchTasksResponse {
  const bare = { index, atMs, workerId: "", attempt: 0, type: "", queue: "" };
  switch (change.kind) {
    case "submitted": {
      const { id, type, queue } = change.task;
      const status = change.scheduled ? TaskStatus.SCHEDULED : TaskStatus.PENDING;
      return { ...bare, id, status, type, queue };
    }
    case "assigned":
    case "finished":
    case "released": {
      const { assignment, nodeId } = change.running;
      const { taskId: id, type, queue, attempt } = assignment;
      return { ...bare, id, status: statusOf(change), workerId: nodeId, attempt, type, queue };
    }
    case "cancelled":
      return { ...bare, id: change.taskId, status: TaskStatus.CANCELLED };
    case "retried":
      return { ...bare, id: change.taskId, status: TaskStatus.PENDING };
  }
}

function statusOf(
  change: Extract<QueueChange, { kind: "assigned" | "finished" | "released" }>,
): TaskStatus {
  if (change.kind === "assigned") return TaskStatus.RUNNING;
  if (change.kind === "released") return TaskStatus.PENDING;
  switch (change.finish.outcome?.$case) {
    case "completed":
      return TaskStatus.COMPLETED;
    case "retry":
      return TaskStatus.SCHEDULED;
    case "dead":
    case undefined:
      return TaskStatus.DEAD;
  }
}
