// The newest progress of the tasks that run here, on its way to the leader. It is worth what it is in
// this moment: what finds no leader is let go.
import type { TaskProgress } from "../../gen/mesh/v1/worker_service.js";

/** What is reported within this time travels together. */
const GATHER_MS = 100;

export class ProgressOutbox {
  readonly #send: (progress: readonly TaskProgress[]) => void;
  /** By task: bounded by the slots, as only running tasks report. */
  readonly #newest = new Map<string, TaskProgress>();
  #timer: NodeJS.Timeout | undefined;

  /** @param send hands it to the leader, where one is attached */
  constructor(send: (progress: readonly TaskProgress[]) => void) {
    this.#send = send;
  }

  /** Keeps the newest progress of a task until the next batch. */
  add(progress: TaskProgress): void {
    this.#newest.set(progress.taskId, progress);
    this.#timer ??= setTimeout(() => this.flush(), GATHER_MS);
  }

  /** Sends what waits, before the report that ends its attempt. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#newest.size === 0) return;
    const newest = [...this.#newest.values()];
    this.#newest.clear();
    this.#send(newest);
  }

  /** Drops what waits. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#newest.clear();
  }
}
