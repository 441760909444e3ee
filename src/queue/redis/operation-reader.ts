// Reads what the calls of clients did, as operate.lua keeps it until their expiry.
import type { Redis } from "ioredis";
import type { Task, TaskStatus } from "../../gen/mesh/v1/task.js";
import { callRedis } from "./errors.js";
import { operationKey, type RedisKeys } from "./keys.js";
import {
  asArray,
  asBytes,
  asNumber,
  asText,
  readPacked,
  readPackedSequence,
} from "./packed-reader.js";
import { decodeRunState } from "./run-state.js";
import { storedStatus } from "./stored-enums.js";
import { TaskStore } from "./task-store.js";

/** What a call did to the tasks that it names. */
export interface OperationAnswer {
  /** Those that it changed. */
  readonly changed: readonly string[];
  /** Status that the first one had before; UNSPECIFIED where there was no such task. */
  readonly before: TaskStatus;
  /** The task right behind it, where it was the only one and was changed. */
  readonly task: Task | undefined;
  /** The task that held its unique key, where that is why it was not changed. */
  readonly holder: string | undefined;
}

export class OperationReader {
  readonly #redis: Redis;
  readonly #keys: RedisKeys;
  readonly #store: TaskStore;

  constructor({ redis, keys }: { readonly redis: Redis; readonly keys: RedisKeys }) {
    this.#redis = redis;
    this.#keys = keys;
    this.#store = new TaskStore(redis, keys);
  }

  /**
   * What the operation did; undefined where it took no effect by what Redis has applied, or has expired.
   * @throws RedisUnavailable
   */
  async answerOf(operationId: string): Promise<OperationAnswer | undefined> {
    const key = this.#keys.idempotent(operationKey(operationId));
    const value = await callRedis(() => this.#redis.getBuffer(key));
    if (value === null) return undefined;
    const [, packed] = readPackedSequence(value);
    const [changed, before, state, holder] = asArray(readPacked(asBytes(packed)));
    return {
      changed: asArray(changed).map(asText),
      before: storedStatus(asNumber(before)),
      task: await this.#taskOf(asBytes(state)),
      holder: asText(holder) === "" ? undefined : asText(holder),
    };
  }

  async #taskOf(bytes: Buffer): Promise<Task | undefined> {
    if (bytes.length === 0) return undefined;
    // A call changes a task that does not run: what its handler reports belongs to other states of it.
    const [task] = await this.#store.tasks(new Map([["", decodeRunState(bytes)]]));
    return task;
  }
}
