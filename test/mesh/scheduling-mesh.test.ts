// Who runs when, and where: priorities, first in first out, and an even spread over the nodes.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BatchView } from "../support/mesh-http.js";
import { startMesh, type TestMesh } from "../support/start-mesh.js";
import { waitFor } from "../support/wait-for.js";

interface WorkersView {
  readonly workers: readonly { readonly id: string; readonly relativeServiceTime: number }[];
}

describe("a mesh with one slot", () => {
  let mesh: TestMesh;
  beforeAll(async () => {
    mesh = await startMesh({ nodes: 1, worker: { concurrency: 1 } });
  }, 60_000);
  afterAll(() => mesh.close(), 60_000);

  test("runs urgent tasks before those that came earlier, and equals in the order of arrival", async () => {
    const blocker = await mesh.http.submit({ type: "hold", data: { ms: 60_000 } });
    await waitFor("the slot is taken", () => mesh.journal.of(blocker.id, "started").length === 1);
    const priorities = ["normal", "low", "high", "normal", 9, "low", "high", 0, "normal"] as const;
    const names = new Map<string, string>();
    for (const [at, priority] of priorities.entries()) {
      const { id } = await mesh.http.submit({ type: "note", priority });
      names.set(id, `${priority}-${at}`);
    }

    await mesh.http.expectOk("DELETE", `/tasks/${blocker.id}`);
    for (const id of names.keys()) {
      expect(await mesh.http.ended(id)).toMatchObject({ status: "completed" });
    }

    const order = mesh.journal
      .lines()
      .flatMap(({ event, id }) => (event === "started" ? [names.get(id) ?? "blocker"] : []));
    expect(order).toEqual([
      ...["blocker", "9-4", "high-2", "high-6"],
      ...["normal-0", "normal-3", "normal-8", "low-1", "low-5", "0-7"],
    ]);
  });
});

describe("a mesh of three nodes", () => {
  let mesh: TestMesh;
  beforeAll(async () => {
    mesh = await startMesh();
  }, 60_000);
  afterAll(() => mesh.close(), 60_000);

  test("spreads three hundred tasks over them, none with a fifth more than another", async () => {
    const items = Array.from({ length: 300 }, () => ({ type: "sleep", data: { ms: 30 } }));
    await mesh.http.expectOk<BatchView>("POST", "/tasks/batch", items);

    const completed = await waitFor("all are completed", async () => {
      const tasks = await mesh.http.tasksOf("default", "completed");
      return tasks.length === items.length && tasks;
    });

    const shares = ["n1", "n2", "n3"].map(
      (id) => completed.filter(({ workerId }) => workerId === id).length,
    );
    expect(Math.min(...shares)).toBeGreaterThan(0.8 * Math.max(...shares));
  });

  test("gives less to a node whose handlers are slower", async () => {
    const data = { ms: 40, slowNode: "n3", slowMs: 400 };
    const wave = Array.from({ length: 12 }, () => ({ type: "uneven", queue: "uneven", data }));
    const runsOf = async (id: string) => {
      const tasks = await mesh.http.tasksOf("uneven", "completed");
      return tasks.filter(({ workerId }) => workerId === id).length;
    };
    const submitWave = async (nth: number) => {
      await mesh.http.expectOk<BatchView>("POST", "/tasks/batch", wave);
      await waitFor("the wave has ended", async () => {
        const tasks = await mesh.http.tasksOf("uneven", "completed");
        return tasks.length === nth * wave.length;
      });
    };
    // given a leader that has seen how long each node takes
    let waves = 0;
    while (waves < 9) await submitWave((waves += 1));
    const before = await Promise.all(["n1", "n2", "n3"].map(runsOf));

    while (waves < 16) await submitWave((waves += 1));

    const after = await Promise.all(["n1", "n2", "n3"].map(runsOf));
    const [first = 0, second = 0, slow = 0] = after.map((runs, at) => runs - (before[at] ?? 0));
    expect(slow).toBeGreaterThan(0);
    // By how much less depends on what the machine adds to every task.
    expect(slow).toBeLessThan(Math.min(first, second));
    const { workers } = await mesh.http.expectOk<WorkersView>("GET", "/workers");
    const times = workers.map(({ relativeServiceTime }) => relativeServiceTime);
    expect(times[2]).toBeGreaterThan(Math.max(times[0] ?? 0, times[1] ?? 0));
    const cluster = await mesh.http.expectOk<object>("GET", "/cluster");
    expect(cluster).toMatchObject({ balancer: { policy: "least-loaded" } });
  });
});
