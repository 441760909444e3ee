// What Redis tells of named queues: which there are, and how many tasks of each are in which state.
import type { Redis } from "ioredis";
import { TaskStatus } from "../../gen/mesh/v1/task.js";
import { MAX_PRIORITY } from "../task/define-task.js";
import { laneName, type RedisKeys } from "./keys.js";
import { runPipeline } from "./pipeline.js";
import { callRedis } from "./errors.js";

/** Tasks of a queue by state; who runs is for the table of assignments to say. */
export interface StoredQueueCounts {
  readonly scheduled: number;
  readonly pending: number;
  readonly completed: number;
  readonly dead: number;
  readonly cancelled: number;
}

/** Every method throws RedisUnavailable when Redis does not serve. */
export class QueueReader {
  readonly #redis: Redis;
  readonly #keys: RedisKeys;
  constructor(redis: Redis, keys: RedisKeys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** Names of queues that ever had a task, in their order, behind `after`. */
  async names(after: string, limit: number): Promise<readonly string[]> {
    const from = after === "" ? "-" : `(${after}`;
    return callRedis(() =>
      this.#redis.zrangebylex(this.#keys.queues, from, "+", "LIMIT", 0, limit),
    );
  }

  /**
   * How many pending tasks of the queue have a higher priority, or the same and an older place.
   * Undefined where the task is not pending.
   */
  async tasksAhead(id: string, queue: string, priority: number): Promise<number | undefined> {
    const [rank, ...above] = (await runPipeline(this.#redis, (pipeline) => {
      pipeline.zrank(this.#keys.lane(laneName(queue, priority)), id);
      for (let higher = priority + 1; higher <= MAX_PRIORITY; higher += 1) {
        pipeline.zcard(this.#keys.lane(laneName(queue, higher)));
      }
    })) as [number | null, ...number[]];
    return rank === null ? undefined : above.reduce((sum, size) => sum + size, rank);
  }

  /** In the order of the names. */
  async counts(names: readonly string[]): Promise<readonly StoredQueueCounts[]> {
    const perQueue = MAX_PRIORITY + 2;
    const replies = await runPipeline(this.#redis, (pipeline) => {
      for (const name of names) {
        pipeline.zrange(this.#keys.counts(name), 0, "-1", "WITHSCORES");
        for (let priority = 0; priority <= MAX_PRIORITY; priority += 1) {
          pipeline.zcard(this.#keys.lane(laneName(name, priority)));
        }
      }
    });
    return names.map((_, at) => {
      const [counted, ...lanes] = replies.slice(at * perQueue, (at + 1) * perQueue) as [
        string[],
        ...number[],
      ];
      return {
        scheduled: count(counted, TaskStatus.SCHEDULED),
        pending: lanes.reduce((sum, size) => sum + size, 0),
        completed: count(counted, TaskStatus.COMPLETED),
        dead: count(counted, TaskStatus.DEAD),
        cancelled: count(counted, TaskStatus.CANCELLED),
      };
    });
  }
}

/** Of a reply that holds each status with its score behind it. */
function count(counted: readonly string[], status: TaskStatus): number {
  for (let at = 0; at < counted.length; at += 2) {
    if (counted[at] === String(status)) return Number(counted[at + 1]);
  }
  return 0;
}
