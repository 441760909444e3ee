// What the gateway makes of the mesh's answer to why a task stands where it does.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TaskStatus } from "../../src/gen/mesh/v1/task.js";
import { reason } from "../../src/queue/why/reason.js";
import { FakeMesh } from "./fake-mesh.js";

let mesh: FakeMesh;
beforeAll(async () => {
  mesh = await FakeMesh.start();
});
afterAll(() => mesh.close());

const get = (url: string) => mesh.app.inject({ method: "GET", url });

async function submitted(): Promise<string> {
  const payload = { type: "process" };
  const response = await mesh.app.inject({ method: "POST", url: "/tasks", payload });
  return response.json<{ id: string }>().id;
}

describe("GET /tasks/{id}/why", () => {
  it("shows of each reason what it is about, and no more", async () => {
    const id = await submitted();
    const plain = {
      id: "n1",
      state: "active",
      running: 2,
      concurrency: 2,
      freeSlots: 0,
      relativeServiceTime: 1,
    };
    const node = { ...plain, missingLabels: [] };
    const attempt = { attempt: 1, workerId: "n1", fence: 41 };
    const answer = {
      ...{ id, status: TaskStatus.PENDING, queue: "mail", leaderId: "n1", term: 3 },
      reasons: [
        reason("queue_rate", "used up", { atMs: 1_700_000_000_000 }),
        reason("no_free_slot", "full", { nodes: [node] }),
        reason("no_node_with_labels", "none", {
          nodes: [{ ...node, missingLabels: ["gpu"] }],
          missingLabels: ["gpu"],
        }),
      ],
      attempts: [
        {
          ...{ ...attempt, term: 0, placed: reason("placement_unknown", "unknown") },
          ended: reason("lease_run_out", "lost", { index: 57, term: 3 }),
        },
        { ...attempt, term: 3, placed: reason("only_candidate", "only"), ended: undefined },
      ],
      commitIndex: 60,
      redisAppliedIndex: 59,
    };
    for (const one of mesh.nodes) one.why = answer;

    expect((await get(`/tasks/${id}/why`)).json()).toEqual({
      ...{ id, status: "pending", queue: "mail", leader: { id: "n1", term: 3 } },
      reasons: [
        { code: "queue_rate", message: "used up", at: "2023-11-14T22:13:20.000Z" },
        { code: "no_free_slot", message: "full", nodes: [plain] },
        {
          ...{ code: "no_node_with_labels", message: "none", missingLabels: ["gpu"] },
          nodes: [{ ...plain, missingLabels: ["gpu"] }],
        },
      ],
      attempts: [
        {
          ...{ ...attempt, term: null },
          placed: { code: "placement_unknown", message: "unknown" },
          ended: { code: "lease_run_out", message: "lost", index: 57, term: 3 },
        },
        {
          ...{ ...attempt, term: 3 },
          placed: { code: "only_candidate", message: "only" },
          ended: null,
        },
      ],
      commitIndex: 60,
      redisAppliedIndex: 59,
    });
  });

  it.each(["no-id", "01ARZ3NDEKTSV4RRFFQ69G5FAV"])("of %s is 404", async (id) => {
    const response = await get(`/tasks/${id}/why`);

    expect([response.statusCode, response.json()]).toMatchObject([404, { code: "not_found" }]);
  });
});
