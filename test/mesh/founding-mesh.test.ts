// How nodes come to be one mesh, and stay one: at once, later, after the registry was wiped, and not
// with the registry of another mesh.
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { GetClusterResponse } from "../../src/gen/mesh/v1/cluster_service.js";
import { startMesh, type TestMesh } from "../support/start-mesh.js";
import { waitFor } from "../support/wait-for.js";

function clusterAt(mesh: TestMesh, id: string): Promise<GetClusterResponse> {
  return new Promise((resolve, reject) => {
    mesh.at(id).cluster.getCluster({}, (error, response) => {
      if (error === null) resolve(response);
      else reject(error);
    });
  });
}

describe("five nodes that start at once on an empty Redis", () => {
  let mesh: TestMesh;
  beforeAll(async () => {
    mesh = await startMesh({ nodes: 5 });
  }, 60_000);
  afterAll(() => mesh.close(), 60_000);

  test("form exactly one mesh, with one leader and all of them in it", async () => {
    await waitFor("all nodes agree", async () => {
      const views = await Promise.all([...mesh.nodes.keys()].map((id) => clusterAt(mesh, id)));
      const meshes = new Set(views.map(({ meshId }) => meshId));
      const leaders = new Set(views.map(({ leaderId, term }) => `${leaderId}@${term}`));
      expect(meshes.size).toBe(1);
      return leaders.size === 1 && views.every(({ leaderId }) => leaderId !== "");
    });
    const { members } = await mesh.http.cluster();
    expect(members.map(({ id }) => id).sort()).toEqual(["n1", "n2", "n3", "n4", "n5"]);
  });

  test("write themselves into the registry again when it is wiped, and go on", async () => {
    const { meshId } = await clusterAt(mesh, "n1");
    await mesh.redis.flush();

    const client = new Redis(mesh.redis.url);
    await waitFor("all are registered", async () => {
      const ids = await client.smembers("{tm:test}:registry:index");
      return ids.length === 5 && (await client.exists("{tm:test}:registry:formation")) === 1;
    });
    client.disconnect();

    expect((await clusterAt(mesh, "n1")).meshId).toBe(meshId);
    const { id } = await mesh.http.submit({ type: "process" });
    expect(await mesh.http.ended(id)).toMatchObject({ status: "completed" });
  });

  test("are joined by a sixth, which learns the log and runs tasks", async () => {
    await mesh.startNode("n6");
    await mesh.whole(6);

    const workers = await mesh.http.workers();
    expect(workers.find(({ id }) => id === "n6")).toMatchObject({ role: "learner" });
    const items = Array.from({ length: 120 }, () => ({ type: "sleep", data: { ms: 50 } }));
    await mesh.http.expectOk("POST", "/tasks/batch", items);
    await waitFor("the sixth has completed some", async () => {
      const tasks = await mesh.http.tasksOf("default", "completed");
      return tasks.some(({ workerId }) => workerId === "n6");
    });
  });
});

describe("a node with the state of one mesh", () => {
  let own: TestMesh;
  let other: TestMesh;
  beforeAll(async () => {
    own = await startMesh({ nodes: 1 });
    other = await startMesh({ nodes: 1 });
  }, 60_000);
  afterAll(async () => {
    await own.close();
    await other.close();
  }, 60_000);

  test("refuses the registry of another, and says in one line which is which", async () => {
    const { meshId } = await clusterAt(own, "n1");
    const { meshId: otherId } = await clusterAt(other, "n1");
    await own.stopNode("n1");

    const start = own.startNode("n1", { redis: other.config.redis });

    await expect(start).rejects.toMatchObject({
      name: "NodeFailure",
      exitLine: expect.stringMatching(
        new RegExp(`registry holds mesh ${otherId}, but .* is of mesh ${meshId}: [^\n]*$`),
      ) as string,
    });
  });
});
