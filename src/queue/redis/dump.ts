// Reads all tasks but completed ones, and the idempotency keys, as they are after one log entry, while
// later ones go on being applied: whatever may run yet, or be run again. The scripts dump-*.lua and before-images.lua do it; this is their reader.
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Redis } from "ioredis";
import { callRedis, DumpLost } from "./errors.js";
import type { RedisKeys } from "./keys.js";
import { RedisScript } from "./script.js";
import { MAX_TASKS_PER_ENTRY } from "../state/task-sequence.js";

/** A dump that nobody has read of for this long is over: its owner is gone. */
const LEASE_MS = 30_000;
/** Of one piece: Redis serves nobody else while it reads it, which takes about 1 ms. */
const MAX_ITEMS_PER_PIECE = 512;
const MAX_BYTES_PER_PIECE = 1024 * 1024;
/** Pause after a piece, as a multiple of the time that it took: Redis serves the mesh first. */
const REST_FACTOR = 2;
const MAX_REST_MS = 1_000;
/** What Redis keeps for a dump of what changes meanwhile; past it the dump is lost. */
const DEFAULT_MAX_IMAGE_BYTES = 64 * 1024 * 1024;

const beginScript = new RedisScript("dump-begin.lua");
const nextScript = new RedisScript("dump-next.lua");
const endScript = new RedisScript("dump-end.lua");

const DUMP_LOST = {
  code: "DUMPLOST",
  toError: (cause: Error) => new DumpLost(`Redis ended the dump: ${cause.message}`, { cause }),
};

/** A task as Redis stores it. */
export interface StoredTask {
  readonly id: string;
  /** Packed, see run-state.ts. */
  readonly state: Buffer;
  /** Text of its data where that is in a key of its own, else empty. */
  readonly data: Buffer;
}

/** What an idempotency key stands for, as Redis stores it. */
export interface StoredKey {
  readonly key: string;
  readonly value: Buffer;
}

/** A key may come more than once, with the same value. */
export type DumpPiece =
  | { readonly kind: "tasks"; readonly tasks: readonly StoredTask[] }
  | { readonly kind: "keys"; readonly keys: readonly StoredKey[] };

export interface RedisDumpOptions {
  readonly redis: Redis;
  readonly keys: RedisKeys;
  readonly maxImageBytes?: number;
  readonly leaseMs?: number;
  /** Smaller in tests. */
  readonly maxItemsPerPiece?: number;
}

export class RedisDump {
  readonly #options: RedisDumpOptions;
  readonly #owner: string;
  #step = 0;

  private constructor(
    options: RedisDumpOptions,
    owner: string,
    /** The log entry after which the dumped state stood. */
    readonly index: number,
    readonly term: number,
  ) {
    this.#options = options;
    this.#owner = owner;
  }

  /**
   * Undefined while Redis gives none: another one is under way, or Redis is being restored.
   * @throws RedisUnavailable
   */
  static async begin(options: RedisDumpOptions): Promise<RedisDump | undefined> {
    const owner = randomUUID();
    const { leaseMs = LEASE_MS, maxImageBytes = DEFAULT_MAX_IMAGE_BYTES } = options;
    const args = [owner, leaseMs, MAX_TASKS_PER_ENTRY, maxImageBytes];
    const reply = await call(options, beginScript, args);
    const applied = (reply as Buffer).toString("latin1");
    if (applied === "") return undefined;
    const [index, term] = applied.split(" ");
    return new RedisDump(options, owner, Number(index), Number(term));
  }

  /**
   * What there is, to be read once; a dump that was read to its end is over.
   * @throws RedisUnavailable, DumpLost
   */
  async *pieces(): AsyncGenerator<DumpPiece, void, void> {
    const { maxItemsPerPiece = MAX_ITEMS_PER_PIECE } = this.#options;
    for (;;) {
      const startMs = performance.now();
      const args = [this.#owner, this.#step, maxItemsPerPiece, MAX_BYTES_PER_PIECE];
      const [kind, ...values] = (await call(this.#options, nextScript, args)) as Buffer[];
      this.#step += 1;
      if (kind?.toString("latin1") === "end") break;
      const tookMs = performance.now() - startMs;
      if (values.length === 0) continue;
      yield kind?.toString("latin1") === "keys"
        ? { kind: "keys", keys: keysOf(values) }
        : { kind: "tasks", tasks: tasksOf(values) };
      await sleep(Math.min(MAX_REST_MS, REST_FACTOR * tookMs));
    }
    await this.end();
  }

  /** Lets go what Redis keeps for it. @throws RedisUnavailable */
  async end(): Promise<void> {
    await call(this.#options, endScript, [this.#owner]);
  }
}

function call(
  { redis, keys }: RedisDumpOptions,
  script: RedisScript,
  args: readonly (string | number)[],
): Promise<unknown> {
  return callRedis(() => script.run(redis, keys.prefix, args), DUMP_LOST);
}

function tasksOf(values: readonly Buffer[]): StoredTask[] {
  const tasks: StoredTask[] = [];
  for (let at = 0; at < values.length; at += 3) {
    const [id, state, data] = values.slice(at, at + 3);
    if (id === undefined || state === undefined || data === undefined) break;
    tasks.push({ id: id.toString("utf8"), state, data });
  }
  return tasks;
}

function keysOf(values: readonly Buffer[]): StoredKey[] {
  const keys: StoredKey[] = [];
  for (let at = 0; at < values.length; at += 2) {
    const [key, value] = values.slice(at, at + 2);
    if (key === undefined || value === undefined) break;
    keys.push({ key: key.toString("utf8"), value });
  }
  return keys;
}
