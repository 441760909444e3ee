// Loads a snapshot into Redis: it then has the tasks and the idempotency keys as after that entry, and
// the log is applied from there on. The scripts restore-*.lua do it, some tasks at a time.
import { randomUUID } from "node:crypto";
import type { Redis } from "ioredis";
import { ownerArgument, type QueueOwner } from "./applied-value.js";
import type { DumpPiece } from "./dump.js";
import { callRedis, RestoreInterrupted } from "./errors.js";
import type { RedisKeys } from "./keys.js";
import { RedisScript } from "./script.js";

/** Of one call: Redis serves nobody else meanwhile, about 10 ms. */
const MAX_ITEMS_PER_CALL = 1_024;

const beginScript = new RedisScript("restore-begin.lua");
const clearScript = new RedisScript("restore-clear.lua");
const tasksScript = new RedisScript("restore-tasks.lua");
const keysScript = new RedisScript("restore-keys.lua");
const endScript = new RedisScript("restore-end.lua");

const RESTORE_INTERRUPTED = {
  code: "RESTOREINTERRUPTED",
  toError: (cause: Error) =>
    new RestoreInterrupted(`Redis is not restored: ${cause.message}`, { cause }),
};

export interface RestoreSource {
  /** The entry that the content is of, and its term. */
  readonly index: number;
  readonly term: number;
  readonly content: AsyncIterable<DumpPiece> | Iterable<DumpPiece>;
}

export interface RestoreOptions {
  /** What Redis had applied when it was found to be behind; see `RedisApplier.appliedIndex`. */
  readonly found: number;
  /** Term of the leader: one of an earlier term does not disturb its restore. */
  readonly leaderTerm: number;
  /** Not wanted any more: it is left half done, which whoever leads next will see. */
  readonly signal: AbortSignal;
}

export class RedisRestorer {
  readonly #redis: Redis;
  readonly #keys: RedisKeys;
  readonly #owner: () => QueueOwner | undefined;

  /** @param owner the mesh whose snapshots are loaded, once it is known */
  constructor(
    redis: Redis,
    keys: RedisKeys,
    owner: () => QueueOwner | undefined = () => undefined,
  ) {
    this.#redis = redis;
    this.#keys = keys;
    this.#owner = owner;
  }

  /**
   * Resolves when Redis reflects the log up to the snapshot. Whatever ends it before leaves a mark,
   * so that it is begun again.
   * @throws RestoreInterrupted, RedisUnavailable, RedisRefused, and what the content throws
   * @throws ForeignQueue where another mesh's log was applied under these keys
   */
  async restore(source: RestoreSource, options: RestoreOptions): Promise<void> {
    const { found, leaderTerm, signal } = options;
    const token = randomUUID();
    const mesh = ownerArgument(this.#owner());
    await this.#call(beginScript, [token, leaderTerm, source.index, found, mesh]);
    let step = 0;
    const next = (script: RedisScript, args: readonly (string | number | Buffer)[]) => {
      signal.throwIfAborted();
      return this.#call(script, [token, step++, ...args]);
    };
    while ((await next(clearScript, [MAX_ITEMS_PER_CALL])) !== 0);
    for await (const piece of source.content) {
      if (piece.kind === "tasks") {
        const args = piece.tasks.flatMap(({ id, state, data }) => [id, state, data]);
        await next(tasksScript, args);
      } else {
        await next(
          keysScript,
          piece.keys.flatMap(({ key, value }) => [key, value]),
        );
      }
    }
    await next(endScript, [source.index, source.term, mesh]);
  }

  #call(script: RedisScript, args: readonly (string | number | Buffer)[]): Promise<unknown> {
    const run = () => script.run(this.#redis, this.#keys.prefix, args);
    return callRedis(run, RESTORE_INTERRUPTED);
  }
}
