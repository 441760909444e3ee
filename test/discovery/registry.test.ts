// The registry against a real Redis: records come, change and go, and outlive Redis's troubles.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { RegistryKeys } from "../../src/discovery/keys.js";
import { decodeNodeRecord, encodeNodeRecord } from "../../src/discovery/node-record.js";
import type { RegistryChange } from "../../src/discovery/registry-watch.js";
import { RegistryBench, recordOf } from "./mesh-of-registries.js";
import { RedisServer } from "../support/redis-server.js";
import { withRedis } from "./with-redis.js";
import { until } from "./until.js";

const keys = new RegistryKeys("test");
const ids = (records: readonly { readonly id: string }[]): string[] => records.map(({ id }) => id);

let redis: RedisServer;
let bench: RegistryBench;

beforeAll(async () => {
  redis = await RedisServer.start();
});
afterAll(() => redis.stop());
beforeEach(async () => {
  await redis.flush();
  bench = new RegistryBench(redis.url);
});
afterEach(() => bench.close());

describe("a node's record", () => {
  it("reads back as it was written", () => {
    const record = { ...recordOf("n1"), meshId: "m" };

    expect(decodeNodeRecord(encodeNodeRecord(record))).toEqual(record);
  });

  it.each(["", "{", "[]", '{"id":"n1"}', '{"id":"n1","address":"nowhere"}'])(
    "is refused where it is garbage: %s",
    (text) => {
      expect(decodeNodeRecord(text)).toBeUndefined();
    },
  );

  it("expires, and its id leaves the index, when its node is gone without a word", async () => {
    const { registry } = await bench.node("n1");
    await withRedis(redis, async (client) => {
      const record = encodeNodeRecord({ ...recordOf("n2"), meshId: undefined });
      await client.sadd(keys.index, "n2");
      await until(async () => {
        await client.set(keys.node("n2"), record, "PX", 300);
        return registry.watch.get("n2") !== undefined;
      });
    });

    await until(() => registry.watch.get("n2") === undefined);

    expect(await withRedis(redis, (client) => client.smembers(keys.index))).toEqual(["n1"]);
    expect(ids(registry.watch.records())).toEqual(["n1"]);
  });
});

describe("the watch", () => {
  it("tells of nodes that register, change and leave, without waiting for the slow refresh", async () => {
    const registry = await bench.registry({ refreshMs: 60_000, missingGraceMs: 60_000 });
    const changes: RegistryChange[] = [];
    registry.watch.onChange((change) => changes.push(change));

    const { writer } = await bench.node("n1");
    await until(() => changes.some((change) => change.added.some(({ id }) => id === "n1")));
    await writer.update({ draining: true });
    await until(() => changes.some((change) => change.updated.some(({ draining }) => draining)));
    await writer.stop();
    await until(() => changes.some((change) => change.removed.length === 1));

    expect(registry.watch.records()).toEqual([]);
  });

  it("skips a record that is garbage and keeps the others", async () => {
    const { registry } = await bench.node("n1");
    await withRedis(redis, async (client) => {
      await client.set(keys.node("n9"), "{garbage");
      await client.sadd(keys.index, "n9");
    });

    await registry.watch.refresh();

    expect(ids(registry.watch.records())).toEqual(["n1"]);
  });

  it("keeps what it knew while Redis is down, and says that it is", async () => {
    const { registry } = await bench.node("n1");
    await bench.node("n2");
    await until(() => registry.watch.records().length === 2);

    await redis.kill();
    await until(() => !registry.watch.redisReachable);
    expect(await registry.watch.refresh()).toBe(false);

    expect(ids(registry.watch.records())).toEqual(["n1", "n2"]);
    await redis.restart();
  });

  it("says that Redis is not reachable where it stands still", async () => {
    const registry = await bench.registry({
      redis: { endpoint: { url: redis.url }, commandTimeoutMs: 100 },
    });
    expect(registry.watch.redisReachable).toBe(true);

    redis.freeze();
    await until(() => !registry.watch.redisReachable);
    redis.thaw();

    await until(() => registry.watch.redisReachable);
  });

  it("starts while Redis is down and finds the nodes once it is up", async () => {
    await redis.kill();
    const { registry } = await bench.node("n1");
    expect(registry.watch.redisReachable).toBe(false);

    await redis.restart();
    await until(() => registry.watch.get("n1") !== undefined);

    expect(registry.watch.redisReachable).toBe(true);
  });
});

describe("a mesh that was refounded after a disaster", () => {
  const lost = { meshId: "lost", members: [{ id: "n1", address: "127.0.0.1:50001" }] };
  const refounded = { ...lost, meshId: "refounded", supersedes: ["lost"] };

  it("takes the place of the one before it, whose nodes are registered no more", async () => {
    const { writer: before } = await bench.node("n2", lost);
    await bench.node("n1", refounded);

    await expect(before.adopt(lost)).rejects.toThrow("the registry holds mesh refounded");
    const [formation, stateful] = await withRedis(redis, (client) =>
      Promise.all([client.get(keys.formation), client.smembers(keys.stateful)]),
    );
    expect(JSON.parse(formation ?? "null")).toMatchObject({ meshId: "refounded", rewritten: true });
    expect(stateful).toEqual(["n1"]);
  });

  it("takes the place of no other", async () => {
    await bench.node("n2", { ...lost, meshId: "a third one" });

    await expect(bench.node("n1", refounded)).rejects.toThrow(
      "the registry holds mesh a third one",
    );
  });
});

describe("after Redis lost everything", () => {
  const mesh = { meshId: "mesh-a", members: [{ id: "n1", address: "127.0.0.1:50001" }] };

  it.each(["restarted empty", "wiped"])(
    "(%s) the records and the formation come back",
    async (how) => {
      const { registry } = await bench.node("n1", mesh);
      await bench.node("n2", mesh);
      await until(() => registry.watch.records().length === 2);
      const removed: string[] = [];
      registry.watch.onChange((change) => removed.push(...ids(change.removed)));

      if (how === "wiped") await redis.flush();
      else await redis.kill().then(() => redis.restart());
      await until(() =>
        withRedis(redis, (client) => client.scard(keys.index)).then((count) => count === 2),
      );

      const formation = await withRedis(redis, (client) => client.get(keys.formation));
      expect(JSON.parse(formation ?? "null")).toEqual({ ...mesh, rewritten: true });
      await registry.watch.refresh();
      expect(ids(registry.watch.records())).toEqual(["n1", "n2"]);
      expect(removed).toEqual([]);
    },
  );
});
