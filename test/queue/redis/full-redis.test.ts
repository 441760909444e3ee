// A Redis that has reached its maxmemory: it takes an entry whole or not at all, and says what it needs.
import type { Redis } from "ioredis";
import { describe, expect, it } from "vitest";
import { RedisUnavailable } from "../../../src/queue/redis/errors.js";
import { type AppliedLog, cancel, entry, submit } from "./applied-log.js";
import { taskOf, withFreshRedis } from "./fresh-redis.js";

let redis: Redis;
let log: AppliedLog;

withFreshRedis((freshRedis, freshLog) => {
  redis = freshRedis;
  log = freshLog;
});

/** Every key with the bytes of what it holds. */
async function everything(): Promise<Readonly<Record<string, string>>> {
  const keys = (await redis.keys("*")).sort();
  const values = await Promise.all(keys.map((key) => redis.dumpBuffer(key)));
  return Object.fromEntries(keys.map((key, at) => [key, values[at]?.toString("hex") ?? ""]));
}

describe("a Redis that is full", () => {
  it("refuses what would grow it, changes nothing, and goes on when it is given more", async () => {
    await log.append(submit("a"));
    const before = await everything();
    await redis.config("SET", "maxmemory", "1kb");
    try {
      for (const command of [submit("b"), cancel("a")]) {
        const refused = log.applier.apply([entry(2, [command])]);
        await expect(refused).rejects.toThrow(RedisUnavailable);
        await expect(refused).rejects.toThrow("raise maxmemory");
      }
      expect(await everything()).toEqual(before);
    } finally {
      await redis.config("SET", "maxmemory", "0");
    }

    await log.append(submit("b"));

    expect(await taskOf(log, "b")).toMatchObject({ id: "b" });
  });
});
