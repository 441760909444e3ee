// Reads the logs of tasks, as log.lua keeps them.
import type { Redis } from "ioredis";
import { TaskLogLine } from "../../gen/mesh/v1/task_log.js";
import { callRedis, InvalidCursor } from "./errors.js";
import type { RedisKeys } from "./keys.js";

export interface LogQuery {
  /** Undefined: of every attempt. */
  readonly attempt: number | undefined;
  readonly limit: number;
  /** Where an earlier page ended; empty: from the oldest line on. */
  readonly cursor: string;
}

export interface LogPage {
  /** The oldest first. */
  readonly lines: TaskLogLine[];
  /** Empty on the last page. */
  readonly nextCursor: string;
}

export class LogReader {
  readonly #redis: Redis;
  readonly #keys: RedisKeys;

  constructor({ redis, keys }: { readonly redis: Redis; readonly keys: RedisKeys }) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /**
   * A page of a task's log; an empty one where there is none. A log is small: it is read whole.
   *
   * @throws InvalidCursor
   * @throws RedisUnavailable
   */
  async read(taskId: string, { attempt, limit, cursor }: LogQuery): Promise<LogPage> {
    if (!/^(\d{1,15}-\d{1,9})?$/.test(cursor)) throw new InvalidCursor();
    const from = cursor === "" ? "-" : `(${cursor}`;
    const entries = await callRedis(() =>
      this.#redis.xrangeBuffer(this.#keys.log(taskId), from, "+"),
    );
    const found = entries.flatMap(([id, [, stored]]) => {
      const line = stored === undefined ? undefined : TaskLogLine.decode(stored);
      const isAsked = line !== undefined && (attempt === undefined || line.attempt === attempt);
      return isAsked ? [{ id: id.toString("latin1"), line }] : [];
    });
    const page = found.slice(0, limit);
    return {
      lines: page.map(({ line }) => line),
      nextCursor: found.length > limit ? (page.at(-1)?.id ?? "") : "",
    };
  }
}
