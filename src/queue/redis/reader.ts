// Everything that is read of the queue's state in Redis; any node may.
import type { Redis } from "ioredis";
import type { TaskCounts } from "../../gen/mesh/v1/cluster_service.js";
import { type Task, type TaskDefinition, TaskStatus } from "../../gen/mesh/v1/task.js";
import { isEnd } from "../task/task-end.js";
import { readAppliedEntry } from "./applier.js";
import type { StoredPendingTask } from "../task/pending-task.js";
import { laneName, parseLaneName, type RedisKeys } from "./keys.js";
import { asNumber, asText, readPackedSequence } from "./packed-reader.js";
import { runPipeline } from "./pipeline.js";
import { decodeRunState, type RunState } from "./run-state.js";
import { RedisScript } from "./script.js";
import { listTasks, type ListQuery, selectStates, type TaskPage } from "./task-list.js";
import { TaskStore } from "./task-store.js";
import { pendingTask } from "./task-view.js";
import { callRedis, RedisBehind } from "./errors.js";

/** Most tasks of one `pendingHead`. */
export const MAX_HEAD_TASKS = 4_096;

const pendingHeadScript = new RedisScript("pending-head.lua");

/** A queue and priority with how many tasks are pending in it. */
export interface PendingLane {
  readonly queue: string;
  readonly priority: number;
  readonly pending: number;
}

export interface PendingHeadQuery {
  readonly queue: string;
  readonly priority: number;
  /** Only tasks younger than this; undefined from the oldest on. */
  readonly afterSequence?: number | undefined;
  readonly limit: number;
}

/** What Redis knows of deadlines. */
export interface StoredDeadlines {
  /** Tasks that have not ended and whose deadline has passed, the earliest first. */
  readonly overdue: readonly string[];
  /** The next one that is to pass, milliseconds since the epoch. */
  readonly nextMs: number | undefined;
}

/** How many tasks ended with a status, and when the first of them did. */
export interface EndedTasks {
  readonly status: TaskStatus;
  readonly count: number;
  /** Milliseconds since the epoch; undefined where there is none. */
  readonly oldestMs: number | undefined;
}

export interface TaskReaderOptions {
  readonly redis: Redis;
  readonly keys: RedisKeys;
}

/** Every method throws RedisUnavailable when Redis does not serve. */
export class TaskReader {
  readonly #redis: Redis;
  readonly #keys: RedisKeys;
  readonly #store: TaskStore;

  constructor({ redis, keys }: TaskReaderOptions) {
    this.#redis = redis;
    this.#keys = keys;
    this.#store = new TaskStore(redis, keys);
  }

  /**
   * What `read` reads, of a server that reflects the log up to `index`. After a failover this connection
   * may be with the old primary yet, when another one has written to the new one.
   * @throws RedisBehind where it is behind
   */
  async reflecting<T>(index: number, read: () => Promise<T>): Promise<T> {
    // Asked in one go: one connection, so that one server answers both.
    const [, found] = await Promise.all([this.#assertReflects(index), read()]);
    return found;
  }

  async getTask(id: string): Promise<Task | undefined> {
    return (await this.getTasks([id]))[0];
  }

  /** In the order asked for; unknown ids are left out. */
  async getTasks(ids: readonly string[]): Promise<readonly Task[]> {
    return this.#store.tasks(await this.#store.states(ids));
  }

  /** Definitions with their data; unknown ids are left out. */
  async getDefinitions(ids: readonly string[]): Promise<ReadonlyMap<string, TaskDefinition>> {
    return this.#store.definitions(await this.#store.states(ids));
  }

  /** One page, newest first. @throws InvalidCursor */
  async list(query: ListQuery): Promise<TaskPage> {
    return listTasks(this.#redis, this.#keys, this.#store, query);
  }

  /** As `list`, states alone. @throws InvalidCursor */
  async select(query: ListQuery): ReturnType<typeof selectStates> {
    return selectStates(this.#redis, this.#keys, this.#store, query);
  }

  /** States in the order asked for; unknown ids are left out. */
  async getStates(ids: readonly string[]): Promise<ReadonlyMap<string, RunState>> {
    return this.#store.states(ids);
  }

  /** The next pending tasks of a queue and priority, oldest first; fewer than `limit` only at the end. */
  async pendingHead(query: PendingHeadQuery): Promise<readonly StoredPendingTask[]> {
    const limit = Math.min(query.limit, MAX_HEAD_TASKS);
    if (limit <= 0) return [];
    const args = [laneName(query.queue, query.priority), query.afterSequence ?? -1, limit];
    const states = await callRedis(() =>
      pendingHeadScript.run(this.#redis, this.#keys.prefix, args),
    );
    return (states as Buffer[]).map((state) => pendingTask(decodeRunState(state)));
  }

  /** Queues and priorities that have a pending task. */
  async pendingQueues(): Promise<readonly PendingLane[]> {
    const names = await callRedis(() => this.#redis.zrange(this.#keys.lanes, 0, "-1"));
    const counts = await runPipeline(this.#redis, (pipeline) => {
      for (const name of names) pipeline.zcard(this.#keys.lane(name));
    });
    return names
      .map((name, i) => ({ ...parseLaneName(name), pending: counts[i] as number }))
      .filter(({ pending }) => pending > 0);
  }

  /** How many tasks are in each state, and pending in each queue ever used. None is paused here. */
  async counts(): Promise<TaskCounts> {
    const keys = this.#keys;
    const [lanes, replies] = await Promise.all([
      this.pendingQueues(),
      runPipeline(this.#redis, (pipeline) => {
        for (const key of [
          keys.scheduled,
          keys.running,
          keys.completed,
          keys.dead,
          keys.cancelled,
        ]) {
          pipeline.zcard(key);
        }
        pipeline.zrange(keys.queues, 0, "-1");
      }),
    ]);
    const [scheduled, running, completed, dead, cancelled, queues] = replies as [
      ...[number, number, number, number, number],
      string[],
    ];
    const pendingOf = new Map(queues.map((name) => [name, 0]));
    let pending = 0;
    for (const lane of lanes) {
      pending += lane.pending;
      pendingOf.set(lane.queue, (pendingOf.get(lane.queue) ?? 0) + lane.pending);
    }
    return {
      scheduled,
      pending,
      running,
      completed,
      dead,
      cancelled,
      queues: [...pendingOf].map(([name, count]) => ({ name, pending: count, paused: false })),
    };
  }

  /** When the next scheduled task may run; undefined when none is scheduled. */
  async nextScheduledAtMs(): Promise<number | undefined> {
    const [, score] = await callRedis(() =>
      this.#redis.zrange(this.#keys.due, 0, "0", "WITHSCORES"),
    );
    return score === undefined ? undefined : Number(score);
  }

  /** The tasks whose deadline has passed by `nowMs`, and when the next one does. */
  async deadlines(nowMs: number, limit: number): Promise<StoredDeadlines> {
    const { deadlines } = this.#keys;
    const [overdue, next] = await runPipeline(this.#redis, (pipeline) => {
      pipeline.zrangebyscore(deadlines, "-inf", nowMs, "LIMIT", 0, limit);
      pipeline.zrangebyscore(deadlines, `(${nowMs}`, "+inf", "WITHSCORES", "LIMIT", 0, 1);
    });
    const [, score] = next as string[];
    return {
      overdue: overdue as string[],
      nextMs: score === undefined ? undefined : Number(score),
    };
  }

  /** Whether a task has ended that others wait for and that is not settled. */
  async isSettling(): Promise<boolean> {
    return (await callRedis(() => this.#redis.exists(this.#keys.settling))) === 1;
  }

  /** The tasks that have not ended, by the unique key that they hold. */
  async holders(uniqueKeys: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const holders = new Map<string, string>();
    if (uniqueKeys.length === 0) return holders;
    const ids = await callRedis(() =>
      this.#redis.mget(uniqueKeys.map((key) => this.#keys.unique(key))),
    );
    const states = await this.getStates(ids.filter((id) => id !== null));
    uniqueKeys.forEach((key, i) => {
      const id = ids[i] ?? "";
      const status = states.get(id)?.status;
      if (status !== undefined && !isEnd(status)) holders.set(key, id);
    });
    return holders;
  }

  /** How many tasks have ended, by status, and when the first of them did. */
  async ended(): Promise<readonly EndedTasks[]> {
    const { endedCompleted, endedDead, endedCancelled } = this.#keys;
    const sets = [
      { status: TaskStatus.COMPLETED, key: endedCompleted },
      { status: TaskStatus.DEAD, key: endedDead },
      { status: TaskStatus.CANCELLED, key: endedCancelled },
    ];
    const replies = await runPipeline(this.#redis, (pipeline) => {
      for (const { key } of sets) pipeline.zcard(key).zrange(key, 0, "0", "WITHSCORES");
    });
    return sets.map(({ status }, i) => {
      const [, oldest] = replies[2 * i + 1] as string[];
      const oldestMs = oldest === undefined ? undefined : Number(oldest);
      return { status, count: replies[2 * i] as number, oldestMs };
    });
  }

  /** Which of `ids` are tasks. */
  async existing(ids: readonly string[]): Promise<ReadonlySet<string>> {
    const replies = await runPipeline(this.#redis, (pipeline) => {
      for (const id of ids) pipeline.exists(this.#keys.task(id));
    });
    return new Set(ids.filter((_, i) => replies[i] === 1));
  }

  /**
   * The tasks that idempotency keys stand for at `atMs`, the time that a submission would carry;
   * keys that stand for none are left out.
   */
  async idempotent(keys: readonly string[], atMs: number): Promise<ReadonlyMap<string, string>> {
    const found = new Map<string, string>();
    if (keys.length === 0) return found;
    const names = keys.map((key) => this.#keys.idempotent(key));
    const values = await callRedis(() => this.#redis.mgetBuffer(names));
    keys.forEach((key, i) => {
      const value = values[i];
      if (value === null || value === undefined) return;
      const [untilMs, id] = readPackedSequence(value);
      if (asNumber(untilMs) > atMs) found.set(key, asText(id));
    });
    return found;
  }

  async #assertReflects(index: number): Promise<void> {
    if (index === 0) return;
    const applied = await this.appliedIndex();
    if (applied >= index) return;
    throw new RedisBehind(applied, index);
  }

  /** Index of the last entry that Redis reflects; 0 for an empty Redis. */
  async appliedIndex(): Promise<number> {
    return (await readAppliedEntry(this.#redis, this.#keys)).index;
  }
}
