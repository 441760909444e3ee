// Workers, cluster and health as a client sees them.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WorkerState } from "../../src/gen/mesh/v1/cluster_service.js";
import { FakeMesh } from "./fake-mesh.js";

let mesh: FakeMesh;
beforeEach(async () => {
  mesh = await FakeMesh.start({ retryForMs: 200 });
});
afterEach(() => mesh.close());

describe("the cluster", () => {
  it("lists the workers", async () => {
    const { workers } = (await mesh.app.inject("/workers")).json<{ workers: unknown[] }>();

    expect(workers).toHaveLength(3);
    expect(workers[0]).toEqual({
      id: "n1",
      address: mesh.node("n1").address,
      role: "leader",
      state: "active",
      concurrency: 20,
      running: 1,
      completed: 5,
      failed: 0,
      labels: ["gpu"],
      types: ["process"],
      lastSeen: "2023-11-14T22:13:20.000Z",
      host: "test",
      pid: 7,
      version: "0.1.0",
      relativeServiceTime: 1,
      stalls: 2,
      longestStallMs: 1_200,
      heldTypes: [],
      handlerTrouble: null,
      blockingTypes: [],
      reachability: "direct",
      clockAheadMs: 3,
    });
  });

  it("tells log time", async () => {
    const { logTime } = (await mesh.app.inject("/workers")).json<{ logTime: unknown }>();

    expect(logTime).toEqual({ now: "2023-11-14T22:13:20.000Z", aheadMs: 2, refusedJumps: 1 });
  });

  it("shows Raft as the leader sees it", async () => {
    expect((await mesh.app.inject("/cluster")).json()).toMatchObject({
      mesh: "test",
      leader: { id: "n1", address: mesh.node("n1").address, term: 2 },
      commitIndex: 3,
      members: [{ id: "n1", role: "leader" }, { id: "n2", role: "follower" }, {}],
      redis: { connected: true, error: null },
      balancer: { policy: "least-loaded" },
      version: 1,
    });
  });

  it("hands leadership over, to a node that is named or not", async () => {
    const any = await mesh.app.inject({ method: "POST", url: "/cluster/transfer" });
    const named = await mesh.app.inject({
      method: "POST",
      url: "/cluster/transfer",
      payload: { to: "n3" },
    });

    expect(any.json()).toEqual({ leader: { id: "n2", term: 3 } });
    expect(named.json()).toEqual({ leader: { id: "n3", term: 3 } });
  });

  it("drains a worker", async () => {
    const response = await mesh.app.inject({ method: "POST", url: "/workers/n2/drain" });

    expect(response.json()).toMatchObject({ id: "n2", state: "draining" });
  });
});

describe("health", () => {
  it("is healthy while all is well", async () => {
    const response = await mesh.app.inject("/health");

    expect(response.statusCode).toBe(200);
    expect(response.json()).toMatchObject({
      status: "healthy",
      leader: { id: "n1", term: 2 },
      redis: { connected: true },
      workers: { total: 3, active: 3 },
      queues: { pending: 2, running: 1 },
      reasons: [],
    });
  });

  it.each([
    [
      "the nodes do not reach Redis: down",
      () => mesh.nodes.forEach((node) => (node.redisConnected = false)),
    ],
    [
      "the gateway does not reach Redis: ECONNREFUSED",
      () => (mesh.directory.redisError = "ECONNREFUSED"),
    ],
    [
      "the clock of node n2 is 3 days ahead, and is not gone by: set it",
      () =>
        mesh.nodes.forEach((node) => {
          node.logTime = {
            ...{ nowMs: 1, aheadMs: 0, refusedJumps: 0 },
            reasons: ["the clock of node n2 is 3 days ahead, and is not gone by: set it"],
          };
        }),
    ],
    [
      "no node takes work",
      () => mesh.nodes.forEach((node) => (node.workerState = WorkerState.LOST)),
    ],
  ])("is degraded where %s", async (reason, arrange) => {
    arrange();

    const response = await mesh.app.inject("/health");

    expect(response.statusCode).toBe(200);
    expect(response.json()).toMatchObject({ status: "degraded", reasons: [reason] });
  });

  it("is unhealthy without a leader", async () => {
    mesh.depose();

    const health = await mesh.app.inject("/health");
    const ready = await mesh.app.inject("/health/ready");

    expect(health.statusCode).toBe(503);
    expect(health.json()).toMatchObject({ status: "unhealthy", leader: null, workers: null });
    expect([ready.statusCode, ready.json<{ code: string }>().code]).toEqual([503, "not_ready"]);
  });

  it("is unhealthy where no node answers, and the process is live all the same", async () => {
    for (const node of mesh.nodes) node.kill();

    expect((await mesh.app.inject("/health")).json()).toMatchObject({
      status: "unhealthy",
      reasons: ["no node of the mesh answers"],
    });
    expect((await mesh.app.inject("/health/live")).json()).toEqual({ status: "live" });
  });

  it("is ready while a leader is known", async () => {
    expect((await mesh.app.inject("/health/ready")).json()).toEqual({ status: "ready" });
  });
});

it("GET / names the calls", async () => {
  const { calls } = (await mesh.app.inject("/")).json<{ calls: string[] }>();

  expect(calls).toContain("POST /tasks");
});
