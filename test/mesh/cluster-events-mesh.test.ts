// GET /events tells how the mesh changes: leader, members, workers, Redis.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ClusterTold, EventClient } from "../support/event-client.js";
import { startMesh, type TestMesh } from "../support/start-mesh.js";
import { waitFor } from "../support/wait-for.js";

let mesh: TestMesh;
let client: EventClient;
beforeAll(async () => {
  mesh = await startMesh();
  client = new EventClient(`${mesh.http.url}/events?only=cluster`);
}, 60_000);
afterAll(async () => {
  client.close();
  await mesh.close();
}, 60_000);

const told = (what: string, is: (state: ClusterTold) => boolean): Promise<ClusterTold> =>
  waitFor(what, () => client.cluster.slice(-1).find(is), 30_000);
const activeOf = ({ members }: ClusterTold): string[] =>
  members.filter(({ state }) => state === "active").map(({ id }) => id);

describe("events of the cluster", { timeout: 90_000 }, () => {
  test("begin with the mesh as it is", async () => {
    const state = await told("the mesh is whole", (one) => activeOf(one).length === 3);

    expect(state.leader?.id).toBe(await mesh.leader());
    expect(state.redis.connected).toBe(true);
  });

  test("tell of a new leader", async () => {
    const before = await mesh.leader();
    await mesh.http.expectOk("POST", "/cluster/transfer", {});

    const state = await told("another leads", ({ leader, members }) => {
      const roles = members.filter(({ role }) => role === "leader").map(({ id }) => id);
      return leader !== null && leader.id !== before && roles[0] === leader.id;
    });
    expect(state.term).toBeGreaterThan(1);
  });

  test("tell of a node that is gone and of one that came back", async () => {
    const id = await mesh.follower();
    await mesh.stopNode(id);
    const without = await told("it is lost", (one) => activeOf(one).length === 2);
    expect(activeOf(without)).not.toContain(id);

    await mesh.startNode(id);
    await told("it is back", (one) => activeOf(one).includes(id));
  });

  test("tell of Redis", async () => {
    await mesh.redis.stop();
    await told("Redis is away", ({ redis }) => !redis.connected);
  });

  test("tell nothing of tasks where only the cluster is asked for", () => {
    expect(client.told).toEqual([]);
  });
});
