// Dead tasks as a whole on a mesh of real nodes: looked at, run again, dropped; and what has ended is
// kept within its bounds alone.
import { ulid } from "ulid";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ProblemView, TaskView } from "../support/mesh-http.js";
import { startMesh, type TestMesh } from "../support/start-mesh.js";
import { waitFor } from "../support/wait-for.js";

interface Letters {
  readonly deadLetters: readonly (TaskView & { readonly reason: string })[];
  readonly nextCursor: string | null;
}
interface Taken {
  readonly retried?: number;
  readonly dropped?: number;
  readonly ids: readonly string[];
  readonly more: boolean;
}

let mesh: TestMesh;
beforeAll(async () => {
  mesh = await startMesh({
    retention: { completed: { maxCount: 5 }, cancelled: { maxAgeMs: 500 } },
  });
}, 60_000);
afterAll(() => mesh.close(), 60_000);

/** So many tasks of a queue that died of a failure that no retry can mend. */
async function deadTasks(queue: string, count: number): Promise<readonly string[]> {
  const bad = { type: "sleep", data: "no number", queue };
  const tasks = await Promise.all(Array.from({ length: count }, () => mesh.http.submit(bad)));
  for (const { id } of tasks) expect((await mesh.http.ended(id)).status).toBe("dead");
  return tasks.map(({ id }) => id);
}
const letters = (query: string) => mesh.http.expectOk<Letters>("GET", `/dead-letters?${query}`);

describe("dead letters", () => {
  test("are listed with reason and history, by type and queue, page by page", async () => {
    const ids = await deadTasks("listed", 3);
    const spent = await mesh.http.submit({
      type: "fail",
      data: { times: 9 },
      queue: "spent",
      maxAttempts: 1,
    });
    await mesh.http.ended(spent.id);

    const first = await letters("queue=listed&type=sleep&limit=2");
    const second = await letters(`queue=listed&limit=2&cursor=${first.nextCursor ?? ""}`);

    const found = [...first.deadLetters, ...second.deadLetters];
    expect(found.map(({ id }) => id).sort()).toEqual([...ids].sort());
    expect(found[0]).toMatchObject({
      reason: "not_retryable",
      error: { name: "NonRetryableError" },
      history: [{ outcome: "failed" }],
    });
    const { deadLetters } = await letters("queue=spent");
    expect(deadLetters).toMatchObject([{ id: spent.id, reason: "attempts_exhausted" }]);
  });

  test("run again by id: what is not dead is left alone and not among the ids", async () => {
    const ids = await deadTasks("again", 2);
    const done = await mesh.http.submit({ type: "process" });
    await mesh.http.ended(done.id);

    const asked = { ids: [...ids, done.id, ulid()] };
    const taken = await mesh.http.expectOk<Taken>("POST", "/dead-letters/retry", asked);

    expect({ ...taken, ids: [...taken.ids].sort() }).toEqual({
      retried: 2,
      ids: [...ids].sort(),
      more: false,
    });
    for (const id of ids) {
      const task = await mesh.http.ended(id);
      expect(task.history.map(({ outcome }) => outcome)).toEqual(["failed", "failed"]);
    }
  });

  test("are dropped by filter up to a limit, the rest in the next call; then each is 404", async () => {
    const ids = await deadTasks("dropped", 3);

    const first = await mesh.http.expectOk<Taken>("DELETE", "/dead-letters?queue=dropped&limit=2");
    const second = await mesh.http.expectOk<Taken>("DELETE", "/dead-letters", { queue: "dropped" });

    expect(first).toMatchObject({ dropped: 2, more: true });
    expect(second).toMatchObject({ dropped: 1, more: false });
    expect([...first.ids, ...second.ids].sort()).toEqual([...ids].sort());
    for (const id of ids) {
      expect((await mesh.http.call("GET", `/tasks/${id}`)).status).toBe(404);
    }
    expect((await letters("queue=dropped")).deadLetters).toEqual([]);
  });

  test.each([
    ["POST", "/dead-letters/retry", {}],
    ["DELETE", "/dead-letters", undefined],
    ["POST", "/dead-letters/retry", { ids: [ulid()], queue: "mail" }],
    ["POST", "/dead-letters/retry", { limit: 1_001 }],
    ["POST", "/dead-letters/retry", { status: "dead" }],
  ])("%s %s with %j is refused: nothing is taken unasked", async (method, path, body) => {
    const answer = await mesh.http.call<ProblemView>(method, path, body);

    expect(answer).toMatchObject({ status: 422, body: { code: "invalid_field" } });
  });
});

describe("what has ended", () => {
  test("is kept up to a count: those that ended first go", async () => {
    const ids: string[] = [];
    for (let i = 0; i < 12; i += 1) {
      const { id } = await mesh.http.submit({ type: "process", queue: "counted" });
      await mesh.http.ended(id);
      ids.push(id);
    }

    await waitFor("only five are left", async () => (await mesh.http.counts()).completed === 5);

    const left = await mesh.http.tasksOf("counted");
    expect(left.map(({ id }) => id)).toEqual(ids.slice(-5).reverse());
    expect((await mesh.http.call("GET", `/tasks/${ids[0] ?? ""}`)).status).toBe(404);
  });

  test("is kept for a time; its idempotency key still stands for it", async () => {
    const task = { type: "process", delayMs: 60_000, idempotencyKey: "once" };
    const { id } = await mesh.http.submit(task);
    await mesh.http.expectOk("DELETE", `/tasks/${id}`);

    await waitFor("it is gone", async () => {
      return (await mesh.http.call("GET", `/tasks/${id}`)).status === 404;
    });

    const again = await mesh.http.call<ProblemView>("POST", "/tasks", task);
    expect(again).toMatchObject({ status: 410, body: { code: "gone", field: "idempotencyKey" } });
  });
});
