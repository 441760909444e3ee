// Deadlines, unique keys and dependencies on a mesh of three real nodes.
import { ulid } from "ulid";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BatchView, ProblemView, TaskView } from "../support/mesh-http.js";
import { startMesh, type TestMesh } from "../support/start-mesh.js";
import { waitFor } from "../support/wait-for.js";

let mesh: TestMesh;
beforeAll(async () => {
  mesh = await startMesh();
}, 60_000);
afterAll(() => mesh.close(), 60_000);

const submit = (more: Readonly<Record<string, unknown>>) =>
  mesh.http.submit({ type: "note", ...more });
const post = (more: Readonly<Record<string, unknown>>) =>
  mesh.http.call<TaskView & ProblemView>("POST", "/tasks", { type: "note", ...more });
const runs = (id: string) => mesh.journal.of(id, "started").length;
const held = async (more: Readonly<Record<string, unknown>> = {}): Promise<TaskView> => {
  const task = await submit({ type: "hold", data: { ms: 60_000 }, ...more });
  await waitFor("it runs", () => runs(task.id) > 0);
  return task;
};
const cancel = (id: string) => mesh.http.expectOk<TaskView>("DELETE", `/tasks/${id}`);

describe("a deadline", () => {
  test("makes a task dead whose attempts fail, however many are left, and stops a running handler", async () => {
    const { id, deadlineAt, createdAt } = await held({ deadlineMs: 700 });

    const task = await mesh.http.ended(id);

    expect(Date.parse(deadlineAt ?? "") - Date.parse(createdAt)).toBe(700);
    expect(task).toMatchObject({
      status: "dead",
      error: { name: "DeadlineExceeded", message: "deadline exceeded" },
      history: [{ outcome: "timed_out" }],
    });
    await waitFor("the handler was told", () => mesh.journal.of(id, "aborted").length === 1);
    expect(mesh.journal.of(id, "aborted")).toMatchObject([{ reason: "deadline-exceeded" }]);
    const letters = await mesh.http.expectOk<{ deadLetters: unknown[] }>(
      "GET",
      "/dead-letters?type=hold&limit=1",
    );
    expect(letters.deadLetters).toMatchObject([{ id, reason: "deadline_exceeded" }]);
  });

  test("counts whatever a task waits for: its next attempt, its time, a node, other tasks", async () => {
    const first = await held();
    const waiting = [
      { type: "hold", data: { ms: 1, failures: 9 }, backoff: { type: "fixed", delayMs: 60_000 } },
      { delayMs: 300, deadlineMs: 20_000 },
      { requires: ["a label that no node has"] },
      { after: [first.id] },
    ];
    const tasks = await Promise.all(waiting.map((each) => submit({ deadlineMs: 600, ...each })));

    const ended = await Promise.all(tasks.map(({ id }) => mesh.http.ended(id)));

    expect(ended.map(({ status }) => status)).toEqual(["dead", "completed", "dead", "dead"]);
    expect(runs(tasks[2]?.id ?? "") + runs(tasks[3]?.id ?? "")).toBe(0);
    await cancel(first.id);
  });

  test("holds across a change of leader", async () => {
    const { id } = await held({ deadlineMs: 2_500 });
    const leader = await mesh.leader();

    await mesh.http.expectOk("POST", "/cluster/transfer", {});
    await waitFor("another leads", async () => (await mesh.leader()) !== leader);

    expect(await mesh.http.ended(id)).toMatchObject({ status: "dead" });
  });

  test("is lifted by a retry: the task runs again without one", async () => {
    const { id } = await submit({ requires: ["nobody"], deadlineMs: 100 });
    await mesh.http.ended(id);

    const again = await mesh.http.expectOk<TaskView>("POST", `/tasks/${id}/retry`);

    expect(again).toMatchObject({ status: "pending", deadlineAt: null, error: null });
    await cancel(id);
  });
});

describe("a unique key", () => {
  test("is taken until the task has ended: the second submission is the first task, with 200", async () => {
    const key = { uniqueKey: "report" };
    const first = await held(key);

    const [second, third] = [await post(key), await post({ ...key, queue: "other" })];

    expect([second.status, third.status]).toEqual([200, 200]);
    expect([second.body.id, third.body.id]).toEqual([first.id, first.id]);
    await cancel(first.id);
    const next = await post(key);
    expect(next.status).toBe(201);
    expect(next.body.id).not.toBe(first.id);
    expect(await mesh.http.ended(next.body.id)).toMatchObject({ status: "completed" });
  });

  test("is taken once, however many submissions come at a time, to whichever node", async () => {
    const request = { type: "hold", data: '{"ms":60000}', queue: "at-once", uniqueKey: "at once" };
    const nodes = ["n1", "n2", "n3", "n1", "n2", "n3"];

    const answers = await Promise.all(nodes.map((at) => mesh.submitAt(at, request)));
    const batch = await mesh.http.expectOk<BatchView>(
      "POST",
      "/tasks/batch",
      [1, 2, 3].map(() => ({ type: "note", queue: "at-once", uniqueKey: "at once" })),
    );

    const ids = new Set(answers.map(({ task }) => task?.id));
    for (const { task } of batch.results) ids.add(task?.id);
    expect(ids.size).toBe(1);
    expect(answers.filter(({ created }) => created)).toHaveLength(1);
    expect(await mesh.http.tasksOf("at-once")).toHaveLength(1);
    const [id = ""] = ids;
    await waitFor("it runs", () => runs(id) === 1);
    await cancel(id);
  });

  test("keeps a task from running again while another one has it", async () => {
    const key = { uniqueKey: "again" };
    const first = await held(key);
    await cancel(first.id);
    const second = await held(key);

    const refused = await mesh.http.call<ProblemView>("POST", `/tasks/${first.id}/retry`);

    expect(refused).toMatchObject({
      status: 409,
      body: { code: "not_retryable", field: "uniqueKey" },
    });
    await cancel(second.id);
    await mesh.http.expectOk("POST", `/tasks/${first.id}/retry`);
    expect((await post(key)).body.id).toBe(first.id);
    await cancel(first.id);
  });
});

describe("a task that waits for others", () => {
  test("is scheduled until all of them have ended, and then runs", async () => {
    const [a, b] = [await held(), await submit({ delayMs: 100 })];

    const { id, status } = await submit({ after: [a.id, b.id] });

    await mesh.http.ended(b.id);
    await waitFor("it waits for one alone", async () => {
      const { waitsFor } = await mesh.http.task(id);
      return waitsFor.length === 1 && waitsFor[0] === a.id;
    });
    expect([status, (await mesh.http.task(id)).status, runs(id)]).toEqual([
      "scheduled",
      "scheduled",
      0,
    ]);
    await cancel(a.id);
    expect(await mesh.http.ended(id)).toMatchObject({ status: "cancelled" });
    const again = await submit({ after: [a.id], onDependencyFailure: "run" });
    expect(await mesh.http.ended(again.id)).toMatchObject({ status: "completed", waitsFor: [] });
  });

  test("runs at once after what has completed already, at its own time where that is later", async () => {
    const { id: done } = await submit({});
    await mesh.http.ended(done);

    const [now, later] = [
      await submit({ after: [done] }),
      await submit({ after: [done], delayMs: 400 }),
    ];

    const ended = await Promise.all([now, later].map(({ id }) => mesh.http.ended(id)));
    expect(ended.map(({ status }) => status)).toEqual(["completed", "completed"]);
    const waitedMs = Date.parse(ended[1]?.startedAt ?? "") - Date.parse(later.createdAt);
    expect(waitedMs).toBeGreaterThanOrEqual(400);
  });

  test("is cancelled with those behind it where one of them fails; a chain that wants to run runs", async () => {
    const root = await held();
    const chain = await submit({ after: [root.id] });
    const behind = await submit({ after: [chain.id] });
    const brave = await submit({ after: [chain.id], onDependencyFailure: "run" });

    await cancel(root.id);

    const ended = await Promise.all([chain, behind, brave].map(({ id }) => mesh.http.ended(id)));
    expect(ended.map(({ status }) => status)).toEqual(["cancelled", "cancelled", "completed"]);
    expect(ended[1]?.error).toEqual({
      name: "DependencyFailed",
      message: `the task ${chain.id}, which it waited for, did not complete`,
    });
    expect(runs(chain.id) + runs(behind.id)).toBe(0);
  });

  test("fans out to thousands, a bounded number in each entry", async () => {
    const root = await held();
    const items = Array.from({ length: 1_500 }, (_, at) => ({
      // A busy machine may not answer in time: it can be sent again.
      idempotencyKey: `fan-${at}`,
      type: "note",
      queue: "fan",
      after: [root.id],
      onDependencyFailure: "run",
    }));
    await waitFor("they are taken", () => mesh.http.expectOk("POST", "/tasks/batch", items));

    await cancel(root.id);

    await waitFor("all have run", async () => {
      return (await mesh.http.tasksOf("fan", "completed")).length === items.length;
    });
  }, 60_000);
});

describe("progress", () => {
  test("is shown with the task as its handler reports it, and starts anew with each attempt", async () => {
    const data = { percents: [10, 42], ms: 60_000 };
    const { id } = await submit({ type: "progressing", data, timeoutMs: 1_500, maxAttempts: 2 });
    const shown = (percent: number) =>
      waitFor(
        `it stands at ${percent}`,
        async () => (await mesh.http.task(id)).progress === percent,
      );

    await shown(10);
    await shown(42);
    await waitFor("it runs again", () => runs(id) === 2);
    await shown(42);

    const ended = await mesh.http.ended(id);
    expect(ended).toMatchObject({ status: "dead", attempts: 2, progress: 42 });
  });
});

describe("a submission is refused with 422", () => {
  test.each([
    ["an unknown task in after", { after: [ulid()] }, "after"],
    ["what is no id in after", { after: ["x"] }, "after.0"],
    ["too many in after", { after: Array.from({ length: 101 }, () => ulid()) }, "after"],
    ["a policy without after", { onDependencyFailure: "run" }, "onDependencyFailure"],
    ["an unknown policy", { after: [ulid()], onDependencyFailure: "hope" }, "onDependencyFailure"],
    ["a deadline before its time", { delayMs: 500, deadlineMs: 500 }, "deadlineMs"],
    ["no time at all", { deadlineMs: 0 }, "deadlineMs"],
    ["a long unique key", { uniqueKey: "k".repeat(257) }, "uniqueKey"],
  ])("that has %s, naming the field", async (_, more, field) => {
    const { status, body } = await post(more);

    expect({ status, code: body.code, field: body.field }).toEqual({
      status: 422,
      code: "invalid_field",
      field,
    });
  });
});
