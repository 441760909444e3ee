// The log index of the tasks submitted last through this gateway, so that a read that follows a
// submission sees it although Redis is written after the acknowledgement.
import { MAX_RECENT_SUBMISSIONS } from "./limits.js";

export class RecentSubmissions {
  #newer = new Map<string, number>();
  #older = new Map<string, number>();

  /** Remembers; half of the memory is dropped at a time, the older half. */
  add(taskId: string, index: number): void {
    this.#newer.set(taskId, index);
    if (this.#newer.size < MAX_RECENT_SUBMISSIONS / 2) return;
    this.#older = this.#newer;
    this.#newer = new Map();
  }

  /** 0 where the task is not one of them. */
  indexOf(taskId: string): number {
    return this.#newer.get(taskId) ?? this.#older.get(taskId) ?? 0;
  }
}
