// What a node says of its services: by a table of conditions, and by a real client of real nodes.
import { credentials } from "@grpc/grpc-js";
import { afterEach, describe, expect, test } from "vitest";
import { HEALTH_SERVICES } from "../../../src/api/health-service.js";
import {
  type HealthCheckResponse,
  HealthCheckResponse_ServingStatus as ServingStatus,
  HealthClient,
} from "../../../src/gen/grpc/health/v1/health.js";
import { type NodeCondition, servingOf } from "../../../src/mesh/node/node-health.js";
import { meshStories } from "../../support/mesh-stories.js";
import type { TestMesh } from "../../support/start-mesh.js";
import { waitFor } from "../../support/wait-for.js";

const { SERVING, NOT_SERVING } = ServingStatus;
const FOR_CLIENTS = [
  "",
  "mesh.v1.TaskService",
  "mesh.v1.ScheduleService",
  "mesh.v1.QueueService",
] as const;

const well: NodeCondition = {
  isUp: true,
  isStopping: false,
  isDraining: false,
  leadership: "self",
  mayImpairLinks: true,
};
const down = (condition: Partial<NodeCondition>): string[] => {
  const serving = servingOf({ ...well, ...condition });
  return HEALTH_SERVICES.filter((name) => !serving[name]);
};

describe("the services of a node", () => {
  test("all serve at the leader of a mesh that may be hurt", () => {
    expect(down({})).toEqual([]);
  });

  test.each([
    ["that is not up yet", { isUp: false }, [...HEALTH_SERVICES]],
    ["that stops", { isStopping: true }, [...HEALTH_SERVICES]],
    ["that follows", { leadership: "other" as const }, ["mesh.v1.WorkerService"]],
    [
      "without a leader",
      { leadership: "unknown" as const },
      [...FOR_CLIENTS, "mesh.v1.MembershipService", "mesh.v1.WorkerService"],
    ],
    ["that is to leave", { isDraining: true }, [...FOR_CLIENTS]],
    ["whose links may not be impaired", { mayImpairLinks: false }, ["mesh.v1.ChaosService"]],
  ])("of one %s: some do not serve", (_, condition, names) => {
    expect(new Set(down(condition))).toEqual(new Set(names));
  });
});

const story = meshStories({ nodes: 3 });
const clients: HealthClient[] = [];
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});

/** What Watch has told of a service so far; the cuts between nodes do not concern it. */
function watch(mesh: TestMesh, id: string, service: string): ServingStatus[] {
  const client = new HealthClient(mesh.nodes.get(id)?.address ?? "", credentials.createInsecure());
  clients.push(client);
  const seen: ServingStatus[] = [];
  const stream = client.watch({ service });
  stream.on("error", () => undefined);
  stream.on("data", ({ status }: HealthCheckResponse) => seen.push(status));
  return seen;
}

describe("a client that watches the health of a node", () => {
  story("hears when it loses its leader and finds it again, while Raft goes on", async (mesh) => {
    const follower = await mesh.follower();
    const tasks = watch(mesh, follower, "mesh.v1.TaskService");
    const whole = watch(mesh, follower, "");
    const raft = watch(mesh, follower, "raft.v1.RaftService");
    const cluster = watch(mesh, follower, "mesh.v1.ClusterService");
    await waitFor("all is well", () => [tasks, whole, raft, cluster].every((seen) => seen.length));

    mesh.faults.isolate(follower);
    await waitFor("no leader is known", () => tasks.at(-1) === NOT_SERVING);
    expect(whole.at(-1)).toBe(NOT_SERVING);
    await mesh.submitMany(1, { type: "note" });
    mesh.faults.heal();
    await waitFor("it follows again", () => tasks.length === 3);

    expect(tasks).toEqual([SERVING, NOT_SERVING, SERVING]);
    expect([raft, cluster]).toEqual([[SERVING], [SERVING]]);
  });

  story("hears at which node workers are served when leadership moves", async (mesh) => {
    const old = await mesh.leader();
    const [next = ""] = await mesh.followers();
    const atOld = watch(mesh, old, "mesh.v1.WorkerService");
    const atNext = watch(mesh, next, "mesh.v1.WorkerService");
    await waitFor("both have answered", () => atOld.length + atNext.length === 2);

    await mesh.http.expectOk("POST", "/cluster/transfer", { to: next });
    await waitFor("it has moved", () => atNext.at(-1) === SERVING);
    await mesh.submitMany(1, { type: "note" });

    expect([atOld, atNext]).toEqual([
      [SERVING, NOT_SERVING],
      [NOT_SERVING, SERVING],
    ]);
  });

  story("hears that a node which is to leave takes no more clients", async (mesh) => {
    const follower = await mesh.follower();
    const tasks = watch(mesh, follower, "mesh.v1.TaskService");
    const raft = watch(mesh, follower, "raft.v1.RaftService");
    await waitFor("it has answered", () => tasks.length + raft.length === 2);

    await mesh.http.expectOk("POST", `/workers/${follower}/drain`);
    await waitFor("it says so", () => tasks.at(-1) === NOT_SERVING);
    expect(raft).toEqual([SERVING]);
    await mesh.submitMany(1, { type: "note" });
    await mesh.stopNode(follower);
  });
});
