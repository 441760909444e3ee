// Reads the stored pieces of tasks by id: states, definitions with their data, whole tasks.
import type { Redis } from "ioredis";
import type { Task, TaskDefinition } from "../../gen/mesh/v1/task.js";
import type { RedisKeys } from "./keys.js";
import { decodeRunState, definitionOf, type RunState } from "./run-state.js";
import { taskView } from "./task-view.js";
import { callRedis } from "./errors.js";

/** Keys of one MGET: Redis serves nobody else while it answers. */
const MAX_KEYS_PER_READ = 1_000;

export class TaskStore {
  readonly #redis: Redis;
  readonly #keys: RedisKeys;

  constructor(redis: Redis, keys: RedisKeys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** States by id, in the order asked for; unknown ids are left out. */
  async states(ids: readonly string[]): Promise<Map<string, RunState>> {
    const values = await this.#read(ids.map((id) => this.#keys.task(id)));
    const states = new Map<string, RunState>();
    ids.forEach((id, i) => {
      const value = values[i];
      if (value !== null && value !== undefined) states.set(id, decodeRunState(value));
    });
    return states;
  }

  /** Definitions with their data; without those whose data is gone, as where Redis was emptied meanwhile. */
  async definitions(states: ReadonlyMap<string, RunState>): Promise<Map<string, TaskDefinition>> {
    const definitions = new Map<string, TaskDefinition>();
    for (const [id, state] of states) definitions.set(id, definitionOf(state));
    const apart = [...definitions.values()].filter(({ data }) => data === "");
    const values = await this.#read(apart.map(({ id }) => this.#keys.data(id)));
    apart.forEach((definition, i) => {
      const data = values[i]?.toString("utf8");
      if (data === undefined) definitions.delete(definition.id);
      else definitions.set(definition.id, { ...definition, data });
    });
    return definitions;
  }

  /** Whole tasks, in the order of `states`. */
  async tasks(states: ReadonlyMap<string, RunState>): Promise<Task[]> {
    const apart = [...states].filter(([, { result }]) => result.kind === "elsewhere");
    const started = [...states].filter(([, { fence }]) => fence > 0);
    const [definitions, progress, values] = await Promise.all([
      this.definitions(states),
      this.#read(started.map(([id]) => this.#keys.progress(id))),
      this.#read(apart.map(([id]) => this.#keys.result(id))),
    ]);
    const results = new Map(apart.map(([id], i) => [id, values[i]?.toString("utf8")]));
    const reached = new Map(
      started.map(([id, { fence }], i) => [id, progressOf(progress[i], fence)]),
    );
    const tasks: Task[] = [];
    for (const [id, state] of states) {
      const definition = definitions.get(id);
      const result = state.result.kind === "inline" ? state.result.text : results.get(id);
      if (definition !== undefined) {
        tasks.push({ ...taskView(state, definition, result), progress: reached.get(id) });
      }
    }
    return tasks;
  }

  async #read(keys: readonly string[]): Promise<(Buffer | null)[]> {
    const values: (Buffer | null)[] = [];
    for (let start = 0; start < keys.length; start += MAX_KEYS_PER_READ) {
      const some = keys.slice(start, start + MAX_KEYS_PER_READ);
      values.push(...(await callRedis(() => this.#redis.mgetBuffer(some))));
    }
    return values;
  }
}

/** Undefined where the stored progress is that of an earlier attempt. */
function progressOf(stored: Buffer | null | undefined, fence: number): number | undefined {
  const [storedFence, percent] = stored?.toString("latin1").split(" ") ?? [];
  return percent !== undefined && Number(storedFence) === fence ? Number(percent) : undefined;
}
