// Writes the progress of running tasks to Redis, beside what the log decides: the newest of each task,
// one write at a time. What Redis does not take is lost: the next one comes soon.
import type { Redis } from "ioredis";
import type { RedisKeys } from "./keys.js";
import { RedisScript } from "./script.js";
import { callRedis } from "./errors.js";

/** Tasks of one write: less than a millisecond of Redis's time. */
const MAX_TASKS_PER_WRITE = 200;
/** Tasks that wait for a write; past it new ones are let go. */
const MAX_WAITING = 10_000;

const progressScript = new RedisScript("progress.lua");

/** How far an attempt has come, 0 to 100. */
export interface AttemptProgress {
  readonly taskId: string;
  readonly fence: number;
  readonly percent: number;
}

export class ProgressWriter {
  readonly #waiting = new Map<string, AttemptProgress>();
  #writing = false;

  constructor(
    private readonly redis: Redis,
    private readonly keys: RedisKeys,
  ) {}

  keep(all: readonly AttemptProgress[]): void {
    for (const one of all) {
      if (this.#waiting.size < MAX_WAITING || this.#waiting.has(one.taskId)) {
        this.#waiting.set(one.taskId, one);
      }
    }
    if (!this.#writing) void this.#write();
  }

  async #write(): Promise<void> {
    this.#writing = true;
    try {
      while (this.#waiting.size > 0) {
        const some = [...this.#waiting.values()].slice(0, MAX_TASKS_PER_WRITE);
        for (const { taskId } of some) this.#waiting.delete(taskId);
        const args = some.flatMap(({ taskId, fence, percent }) => [taskId, fence, percent]);
        await callRedis(() => progressScript.run(this.redis, this.keys.prefix, args));
      }
    } catch {
      // Whatever Redis has against it: nobody depends on it, and what matters is told elsewhere.
      this.#waiting.clear();
    } finally {
      this.#writing = false;
    }
  }
}
