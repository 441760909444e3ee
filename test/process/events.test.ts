// GET /events of a real mesh that is hurt meanwhile: the follower misses nothing and hears nothing
// twice.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { byPlace, EventClient } from "../support/event-client.js";
import { expectCompletedOnce, submitLoad } from "../support/mesh-load.js";
import { MeshProcess } from "../support/mesh-process.js";
import { waitFor } from "../support/wait-for.js";

interface Load {
  readonly queue: string;
  readonly ids: readonly string[];
}

describe("the stream of events", { timeout: 120_000 }, () => {
  let mesh: MeshProcess;
  beforeAll(async () => {
    mesh = await MeshProcess.start();
  }, 120_000);
  afterAll(() => mesh.close(), 60_000);

  test("has every change once and in order while nodes, the gateway and Redis are killed", async () => {
    const client = new EventClient(`${mesh.http.url}/events?type=process`);
    await waitFor("the events are open", () => client.isOpen);
    const loads: Load[] = [];
    const load = async (queue: string): Promise<void> => {
      const ids = await submitLoad(mesh.http, {
        count: 100,
        queue,
        type: "process",
        batchItems: 10,
      });
      loads.push({ queue, ids });
    };

    await load("quiet");
    process.kill(mesh.nodePid(await mesh.followerId()), "SIGKILL");
    await load("follower-killed");
    process.kill(mesh.nodePid(await mesh.leaderId()), "SIGKILL");
    await load("leader-killed");
    process.kill(mesh.redis().pid, "SIGKILL");
    await load("redis-killed");
    process.kill(mesh.gatewayPid(), "SIGKILL");
    await load("gateway-killed");
    for (const { queue, ids } of loads) await expectCompletedOnce(mesh.http, queue, ids);

    const acknowledged = loads.flatMap(({ ids }) => ids);
    const ends = (): number => client.told.filter(({ status }) => status === "completed").length;
    await waitFor("the client has heard of every end", () => ends() >= acknowledged.length);
    client.close();
    const places = client.told.map(({ at }) => at);
    expect(client.resets).toBe(0);
    expect(places).toEqual([...new Set(places)].sort(byPlace));
    for (const id of acknowledged) {
      const statuses = client.statusesOf(id);
      expect(statuses.filter((status) => status === "completed")).toHaveLength(1);
      expect([statuses[0], statuses.at(-1)]).toEqual(["pending", "completed"]);
      // Given away as often as it came back.
      expect(statuses.filter((status) => status === "running")).toHaveLength(
        statuses.filter((status) => status === "pending").length,
      );
    }
  });
});
