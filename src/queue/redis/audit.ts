// Walks every task and every set of Redis and tells where they say different things. Each step looks at
// some hundred tasks in one atomic script, so that a queue at work shows no contradiction that is none.
import type { Redis } from "ioredis";
import { TaskStatus } from "../../gen/mesh/v1/task.js";
import { auditCounts } from "./count-audit.js";
import type { RedisKeys } from "./keys.js";
import { RedisScript } from "./script.js";
import { parseApplied } from "./applied-value.js";
import { callRedis, RedisBehind } from "./errors.js";

/** Tasks of one step: about a millisecond of Redis's time. */
const STEP_TASKS = 200;

const auditScript = new RedisScript("audit.lua");

export interface AuditFinding {
  readonly taskId: string;
  readonly text: string;
}

/** A task that Redis shows as running. */
export interface StoredRun {
  readonly taskId: string;
  readonly nodeId: string;
  readonly fence: number;
  /** Entry that changed it last. */
  readonly changedIndex: number;
}

export interface RedisAuditOptions {
  readonly redis: Redis;
  readonly keys: RedisKeys;
  /** Tasks that are counted in one step; smaller in tests. */
  readonly countedPerStep?: number;
  /** Index of an entry that all that is looked at must reflect; default 0. */
  readonly shows?: number;
  /** Told as they are found. */
  readonly onFinding: (finding: AuditFinding) => void;
}

/** Throws RedisUnavailable where Redis does not serve, RedisBehind where it has lost writes by now. */
export class RedisAudit {
  readonly #options: RedisAuditOptions;
  constructor(options: RedisAuditOptions) {
    this.#options = options;
  }

  /** Looks at all there is; resolves with the number of tasks and those that run. */
  async walk(
    signal: AbortSignal,
  ): Promise<{ readonly tasks: number; readonly running: readonly StoredRun[] }> {
    const running: StoredRun[] = [];
    let tasks = 0;
    for await (const ids of this.#taskIds(signal)) {
      tasks += ids.length;
      running.push(...(await this.look("", ids)));
    }
    for (const set of await this.#sets()) {
      for await (const ids of this.#members(set, signal)) await this.look(set, ids);
    }
    return { tasks, running };
  }

  /** Looks at some tasks; resolves with those of them that run. */
  async look(set: string, ids: readonly string[]): Promise<StoredRun[]> {
    const { redis, keys, onFinding, shows = 0 } = this.#options;
    const running: StoredRun[] = [];
    for (let start = 0; start < ids.length; start += STEP_TASKS) {
      const some = ids.slice(start, start + STEP_TASKS);
      const reply = await callRedis(() => auditScript.run(redis, keys.prefix, [set, ...some]));
      const [applied, findings, runs] = reply as [Buffer, Buffer[], Buffer[]];
      const { index } = parseApplied(applied.toString("latin1"));
      if (index < shows) throw new RedisBehind(index, shows);
      for (const [taskId = "", text = ""] of groups(findings, 2)) onFinding({ taskId, text });
      for (const [taskId = "", nodeId = "", fence, changed] of groups(runs, 4)) {
        running.push({ taskId, nodeId, fence: Number(fence), changedIndex: Number(changed) });
      }
    }
    return running;
  }

  /**
   * Holds the counts that are kept of each queue against its tasks.
   * @throws CountingLost where Redis lost writes meanwhile, again and again
   */
  async counts(signal: AbortSignal): Promise<void> {
    for (const { queue, status, kept, actual } of await auditCounts(this.#options, signal)) {
      const state = TaskStatus[status].toLowerCase();
      const text = `${kept} ${state} tasks are counted in the queue ${queue}, which has ${actual}`;
      this.#options.onFinding({ taskId: "", text });
    }
  }

  /** By the names of their keys: a task that no set lists is found all the same. */
  async *#taskIds(signal: AbortSignal): AsyncIterable<readonly string[]> {
    const { redis, keys } = this.#options;
    const start = keys.task("");
    const pattern = `${start.replace(/[*?[\]\\]/g, "\\$&")}*`;
    let cursor = "0";
    do {
      signal.throwIfAborted();
      const at = cursor;
      const [next, names] = await callRedis(() =>
        redis.scan(at, "MATCH", pattern, "COUNT", STEP_TASKS),
      );
      cursor = next;
      if (names.length > 0) yield names.map((name) => name.slice(start.length));
    } while (cursor !== "0");
  }

  async #sets(): Promise<string[]> {
    const { redis, keys } = this.#options;
    const lanes = await callRedis(() => redis.zrange(keys.lanes, 0, "-1"));
    const named = [keys.all, keys.due, keys.scheduled, keys.running, keys.completed, keys.dead];
    const ended = [keys.cancelled, keys.endedCompleted, keys.endedDead, keys.endedCancelled];
    const all = [...named, ...ended, keys.deadlines, ...lanes.map((lane) => keys.lane(lane))];
    return all.map((key) => key.slice(keys.prefix.length));
  }

  async *#members(set: string, signal: AbortSignal): AsyncIterable<readonly string[]> {
    const { redis, keys } = this.#options;
    let cursor = "0";
    do {
      signal.throwIfAborted();
      const at = cursor;
      const [next, pairs] = await callRedis(() =>
        redis.zscan(keys.prefix + set, at, "COUNT", STEP_TASKS),
      );
      cursor = next;
      yield pairs.filter((_, position) => position % 2 === 0);
    } while (cursor !== "0");
  }
}

function groups(values: readonly Buffer[], size: number): string[][] {
  const found: string[][] = [];
  for (let start = 0; start < values.length; start += size) {
    found.push(values.slice(start, start + size).map((value) => value.toString("utf8")));
  }
  return found;
}
