// One mesh comes out of any number of nodes that start at once, and never a second one.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { MeshMismatch } from "../../src/discovery/errors.js";
import type { FormationOutcome } from "../../src/discovery/formation.js";
import { RegistryKeys } from "../../src/discovery/keys.js";
import { RegistryBench } from "./mesh-of-registries.js";
import { RedisServer } from "../support/redis-server.js";
import { withRedis } from "./with-redis.js";
import { until } from "./until.js";

const keys = new RegistryKeys("test");
const never = new AbortController().signal;
const living = { meshId: "mesh-a", members: [{ id: "n1", address: "127.0.0.1:50001" }] };

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

async function form(id: string, expected: number, settleMs = 0): Promise<FormationOutcome> {
  const { registry } = await bench.node(id);
  return registry.form({ nodeId: id, expect: expected, voters: 3, settleMs }, never);
}

describe("formation", () => {
  it("makes exactly one mesh of seven nodes that start at once", async () => {
    const nodes = ["n1", "n2", "n3", "n4", "n5", "n6", "n7"];

    const outcomes = await Promise.all(nodes.map((id) => form(id, 3)));

    const founders = outcomes.filter(({ kind }) => kind === "founder");
    expect(new Set(outcomes.map(({ meshId }) => meshId)).size).toBe(1);
    expect(new Set(outcomes.map(({ members }) => JSON.stringify(members))).size).toBe(1);
    expect(founders).toHaveLength(3);
    const members = outcomes[0]?.members.map(({ id }) => id) ?? [];
    expect(nodes.filter((_id, at) => outcomes[at]?.kind === "founder")).toEqual(members);
  });

  it("waits until as many nodes are there as the mesh needs", async () => {
    const first = form("n2", 2);
    const early = await Promise.race([first, until(async () => (await count()) === 1)]);
    expect(early).toBeUndefined();

    const second = await form("n1", 2);

    expect((await first).kind).toBe("founder");
    expect(second.members.map(({ id }) => id)).toEqual(["n1", "n2"]);
  });

  it("takes a node that comes later as a joiner", async () => {
    const founder = await form("n1", 1);

    const joiner = await form("n2", 1);

    expect(joiner).toEqual({
      kind: "joiner",
      meshId: founder.meshId,
      members: founder.members,
      stateLost: false,
    });
  });

  it("lets no mesh form in a wiped registry while a node of the old one lives", async () => {
    await bench.node("n1", living);
    await redis.flush();

    const outcome = await form("n2", 1, 800);

    expect(outcome).toEqual({ kind: "joiner", ...living, stateLost: false });
  });

  it("makes no founder of a node that founded before and lost its Raft state", async () => {
    const founder = await form("n1", 1);
    const { writer } = await bench.node("n1");
    await writer.adopt(founder);

    const again = await form("n1", 1);

    expect(again).toMatchObject({ kind: "joiner", meshId: founder.meshId, stateLost: true });
  });

  it("makes no founder by a record that was rewritten", async () => {
    await bench.node("n2", living);

    expect(await form("n1", 1)).toMatchObject({ kind: "joiner", meshId: "mesh-a" });
  });

  it("forms once Redis is there where it was down at the start", async () => {
    await redis.kill();
    const outcome = form("n1", 1);

    await redis.restart();

    expect((await outcome).kind).toBe("founder");
  });

  it("ends with the reason of the signal that is aborted", async () => {
    const { registry } = await bench.node("n1");
    const stop = new AbortController();
    const outcome = registry.form({ nodeId: "n1", expect: 2, voters: 3, settleMs: 0 }, stop.signal);

    stop.abort(new Error("stopping"));

    await expect(outcome).rejects.toThrow("stopping");
  });
});

describe("a node with Raft state", () => {
  it("writes its mesh's record where it is missing, and forms none", async () => {
    await bench.node("n1", living);

    const formation = await withRedis(redis, (client) => client.get(keys.formation));

    expect(JSON.parse(formation ?? "null")).toEqual({ ...living, rewritten: true });
  });

  it("is refused where another mesh lives under the name, and leaves its record alone", async () => {
    await bench.node("n1", living);

    const stranger = bench.node("n2", { ...living, meshId: "mesh-b" });

    await expect(stranger).rejects.toThrow(MeshMismatch);
    expect(await withRedis(redis, (client) => client.smembers(keys.index))).toEqual(["n1"]);
    expect(await withRedis(redis, (client) => client.get(keys.formation))).toContain("mesh-a");
  });
});

const count = (): Promise<number> => withRedis(redis, (client) => client.scard(keys.index));
