// Writes the progress of running tasks to Redis, beside what the log decides: the newest of each task.
// What Redis does not take is lost: the next one comes soon.
import type { Redis } from "ioredis";
import { BackgroundWrites } from "./background-writes.js";
import { callRedis } from "./errors.js";
import type { RedisKeys } from "./keys.js";
import { RedisScript } from "./script.js";

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
  readonly #redis: Redis;
  readonly #keys: RedisKeys;
  readonly #waiting = new Map<string, AttemptProgress>();
  readonly #writes = new BackgroundWrites({
    isEmpty: () => this.#waiting.size === 0,
    writeSome: () => this.#writeSome(),
    letGo: () => this.#waiting.clear(),
  });

  constructor(redis: Redis, keys: RedisKeys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /**
   * Takes progress to be written soon, the newest of each task; past the bound of what waits it is
   * dropped.
   */
  keep(all: readonly AttemptProgress[]): void {
    for (const one of all) {
      if (this.#waiting.size < MAX_WAITING || this.#waiting.has(one.taskId)) {
        this.#waiting.set(one.taskId, one);
      }
    }
    this.#writes.wake();
  }

  async #writeSome(): Promise<void> {
    const some = [...this.#waiting.values()].slice(0, MAX_TASKS_PER_WRITE);
    for (const { taskId } of some) this.#waiting.delete(taskId);
    const args = some.flatMap(({ taskId, fence, percent }) => [taskId, fence, percent]);
    await callRedis(() => progressScript.run(this.#redis, this.#keys.prefix, args));
  }
}
