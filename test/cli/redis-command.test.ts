// `taskmesh redis` as a shell sees it: the keys explained, a task's record decoded, nothing written.
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { registryKeyKinds } from "../../src/discovery/key-guide.js";
import { RegistryKeys } from "../../src/discovery/keys.js";
import { queueKeyKinds } from "../../src/queue/redis/key-guide.js";
import { RedisKeys } from "../../src/queue/redis/keys.js";
import { AppliedLog, assign, dead, finish, submit } from "../queue/redis/applied-log.js";
import { RedisServer } from "../support/redis-server.js";
import { buildCli, cli, type Ended } from "./built-cli.js";

let server: RedisServer;
let redis: Redis;
let log: AppliedLog;
beforeAll(async () => {
  buildCli();
  server = await RedisServer.start();
  redis = new Redis(server.url);
  log = new AppliedLog(redis, "test");
  await log.append([submit("a", "b"), assign(["a"])]);
  await log.append(finish(dead("a", 1)));
}, 120_000);
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

const look = (...args: string[]): Promise<Ended> =>
  cli(["redis", ...args, "--redis", server.url], { TASKMESH_MESH: "test", COLUMNS: "80" });

/** Of everything that a class of keys can make. */
function keysOf(keys: RedisKeys | RegistryKeys): string[] {
  const methods = Object.getOwnPropertyNames(Object.getPrototypeOf(keys));
  const made = methods
    .filter((name) => name !== "constructor")
    .map((name) => String(Reflect.apply(Reflect.get(keys, name) as () => string, keys, ["x"])));
  return [...Object.values(keys).filter((key) => typeof key === "string"), ...made];
}

describe("the guide to the keys", () => {
  test("explains every key that the queue and the registry can make", () => {
    const guide = [...queueKeyKinds("m"), ...registryKeyKinds("m")];
    const explained = guide.map(({ key }) => key.replaceAll(/<[^>]+>(:<[^>]+>)?/g, "x"));
    const isPrefix = (key: string) => key.endsWith(":");

    const keys = [...keysOf(new RedisKeys("m")), ...keysOf(new RegistryKeys("m"))];
    expect(keys.length).toBeGreaterThan(20);
    for (const key of keys.filter((one) => !isPrefix(one))) expect(explained).toContain(key);
  });

  test("explains every key that there is in Redis, each as what it is", async () => {
    const guide = queueKeyKinds("test").map(({ key, type }) => ({
      type,
      pattern: new RegExp(`^${key.replaceAll(/[{}]/g, "\\$&").replaceAll(/<[^>]+>/g, ".+")}$`),
    }));

    for (const key of await redis.keys("*")) {
      const kind = guide.find(({ pattern, type }) => type !== "channel" && pattern.test(key));
      expect([key, kind?.type]).toEqual([key, await redis.type(key)]);
    }
  });
});

describe("taskmesh redis", () => {
  test("explains the keys with how much there is of each, in 80 columns", async () => {
    const { code, stdout } = await look();

    expect(code).toBe(0);
    expect(stdout).toMatch(/^all +zset \(2\) every task/m);
    expect(stdout).toMatch(/^dead +zset \(1\) dead letters/m);
    for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });

  test("task tells a record in words, and where the task stands", async () => {
    const before = await redis.dbsize();
    const { code, stdout } = await look("task", "a");

    expect(code).toBe(0);
    expect(stdout).toMatch(/^key +\{tm:test\}:task:a \(string, \d+ bytes\)$/m);
    expect(stdout).toMatch(/^status +dead$/m);
    expect(stdout).toMatch(/^lane +5:default: priority and queue$/m);
    expect(stdout).toMatch(/^data +"Hello World" \(13 bytes, in the record\)$/m);
    expect(stdout).toMatch(/^stands in +all by \d+, dead by \d+, ended:dead by \d+$/m);
    expect(await redis.dbsize()).toBe(before);
  });

  test("task gives the whole record as JSON", async () => {
    const { stdout } = await look("task", "b", "--json");

    expect(JSON.parse(stdout)).toMatchObject({
      id: "b",
      status: "pending",
      lane: "5:default",
      data: { text: '"Hello World"' },
      definition: { type: "process" },
    });
  });

  test("says in one line what it does not find", async () => {
    const none = await look("task", "nobody");
    expect([none.code, none.stderr]).toEqual([
      1,
      `taskmesh: there is no record of a task nobody in ${server.url}\n`,
    ]);

    const unknown = await cli(["redis"]);
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toMatch(/^taskmesh: no Redis is named, .*give --redis, .*\n$/);

    const wrong = await cli(["redis", "--redis", "host:6379"]);
    expect([wrong.code, wrong.stderr]).toEqual([
      2,
      "taskmesh: --redis host:6379: give redis://host:port\n",
    ]);
  });
});
