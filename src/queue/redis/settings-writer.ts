// Writes what is set in the mesh to Redis, beside what the log decides: the newest. What Redis does not take
// is lost until the next change, or the next leader.
import type { Redis } from "ioredis";
import { BackgroundWrites } from "./background-writes.js";
import { callRedis } from "./errors.js";
import type { RedisKeys } from "./keys.js";
import { RedisScript } from "./script.js";

const settingsScript = new RedisScript("settings.lua");

/** Tables of the mesh as frames of a snapshot, and the entry that they are of. */
export interface Settings {
  readonly index: number;
  readonly tables: Uint8Array;
}

export class SettingsWriter {
  readonly #redis: Redis;
  readonly #keys: RedisKeys;
  #newest: Settings | undefined;
  readonly #writes = new BackgroundWrites({
    isEmpty: () => this.#newest === undefined,
    writeSome: () => this.#writeNewest(),
    letGo: () => (this.#newest = undefined),
  });

  constructor(redis: Redis, keys: RedisKeys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  keep(settings: Settings): void {
    this.#newest = settings;
    this.#writes.wake();
  }

  async #writeNewest(): Promise<void> {
    const settings = this.#newest;
    if (settings === undefined) return;
    this.#newest = undefined;
    const args = [settings.index, Buffer.from(settings.tables)];
    await callRedis(() => settingsScript.run(this.#redis, this.#keys.prefix, args));
  }
}

/** What is kept of them; undefined where there is nothing. @throws RedisUnavailable */
export async function readSettings(redis: Redis, keys: RedisKeys): Promise<Settings | undefined> {
  const [index, tables] = await callRedis(() =>
    redis.hmgetBuffer(keys.settings, "index", "tables"),
  );
  if (!index || !tables) return undefined;
  return { index: Number(index.toString("latin1")), tables };
}
