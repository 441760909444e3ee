// A task's life on a mesh of three real nodes, from any node, through to each of its ends.
import { ulid } from "ulid";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ProblemView, SubmittedView, TaskView } from "../support/mesh-http.js";
import { startMesh, type TestMesh } from "../support/start-mesh.js";
import { waitFor } from "../support/wait-for.js";

let mesh: TestMesh;
beforeAll(async () => {
  mesh = await startMesh();
}, 60_000);
afterAll(() => mesh.close(), 60_000);

/** A task whose handler runs until it is told to stop. */
async function heldTask(more: Readonly<Record<string, unknown>> = {}): Promise<TaskView> {
  const { id } = await mesh.http.submit({ type: "hold", data: { ms: 60_000 }, ...more });
  await waitFor("it runs", () => mesh.journal.of(id, "started").length > 0);
  return waitFor("the record shows it", async () => {
    const task = await mesh.http.task(id);
    return task.status === "running" && task;
  });
}

describe("a submission", () => {
  test("may be sent to any node: a follower forwards it to the leader", async () => {
    const follower = await mesh.follower();

    const { task, created } = await mesh.submitAt(follower, { type: "process", data: '"hi"' });

    expect(created).toBe(true);
    expect(await mesh.http.ended(task?.id ?? "")).toMatchObject({ status: "completed" });
  });

  test("that is sent twice under one id, to different nodes, stays one task", async () => {
    const id = ulid();
    const request = { type: "note", id, queue: "twice" };

    const answers = await Promise.all(["n1", "n2", "n3"].map((at) => mesh.submitAt(at, request)));

    expect(answers.filter(({ created }) => created)).toHaveLength(1);
    expect(answers.map(({ task }) => task?.id)).toEqual([id, id, id]);
    await mesh.http.ended(id);
    expect(await mesh.http.tasksOf("twice")).toHaveLength(1);
    expect(mesh.journal.of(id, "started")).toHaveLength(1);
  });

  test("with an idempotency key is created once: the same key gives the same task and 200", async () => {
    const task = { type: "note", queue: "keyed", idempotencyKey: "order-17" };

    const first = await mesh.http.call<SubmittedView>("POST", "/tasks", task);
    const second = await mesh.http.call<SubmittedView>("POST", "/tasks", task);
    const third = await mesh.http.call<SubmittedView>(
      ...(["POST", "/tasks", { type: "note" }] as const),
      { "idempotency-key": "order-17" },
    );

    expect([first.status, second.status, third.status]).toEqual([201, 200, 200]);
    expect([second.body.id, third.body.id]).toEqual([first.body.id, first.body.id]);
    // The receipt of one that was known says as much as that of the first.
    const receipts = [first, second, third].map(({ body }) => body.durability.index);
    expect(receipts[0]).toBeGreaterThan(0);
    expect(Math.min(...receipts)).toBe(receipts[0]);
    expect(await mesh.http.tasksOf("keyed")).toHaveLength(1);
  });

  test.each([
    ["malformed JSON", "/tasks", "{", 400, "malformed_json"],
    ["an unknown field", "/tasks", { type: "process", colour: "red" }, 422, "invalid_field"],
    ["a priority out of bounds", "/tasks", { type: "process", priority: 99 }, 422, "invalid_field"],
    ["no type", "/tasks", { data: 1 }, 422, "invalid_field"],
    ["a type that no node handles", "/tasks", { type: "absent" }, 422, "unknown_type"],
    [
      "a body over the limit",
      "/tasks",
      { type: "process", data: "x".repeat(1_100_000) },
      413,
      "body_too_large",
    ],
    [
      "a batch over the limit",
      "/tasks/batch",
      Array.from({ length: 10_001 }, () => ({ type: "process" })),
      422,
      "too_many_items",
    ],
  ])("with %s is refused, and nothing is kept", async (_what, path, body, status, code) => {
    const before = await waitFor("nothing is at work", async () => {
      const counts = await mesh.http.counts();
      return counts.pending + counts.running === 0 && counts;
    });

    const answer = await mesh.http.call<ProblemView>("POST", path, body);

    expect(answer.status).toBe(status);
    expect(answer.body).toMatchObject({ status, code });
    expect(answer.headers.get("content-type")).toContain("application/problem+json");
    expect(await mesh.http.counts()).toEqual(before);
  });

  test("an id that nobody has is 404", async () => {
    const answer = await mesh.http.call<ProblemView>("GET", `/tasks/${ulid()}`);

    expect(answer).toMatchObject({ status: 404, body: { code: "not_found" } });
  });
});

describe("a cancellation", () => {
  test("of a pending task means that it never runs", async () => {
    const { id } = await mesh.http.submit({ type: "note", requires: ["no-such-label"] });

    const { status } = await mesh.http.expectOk<TaskView>("DELETE", `/tasks/${id}`);

    expect(status).toBe("cancelled");
    const again = await mesh.http.call<ProblemView>("DELETE", `/tasks/${id}`);
    expect(again).toMatchObject({ status: 409, body: { code: "already_ended" } });
    expect(mesh.journal.of(id)).toEqual([]);
  });

  test("of a running task aborts the signal of its handler", async () => {
    const { id, workerId } = await heldTask();

    await mesh.http.expectOk("DELETE", `/tasks/${id}`);

    const aborted = await waitFor("it is told", () => mesh.journal.of(id, "aborted")[0]);
    expect(aborted.reason).toBe("cancelled");
    const task = await mesh.http.ended(id);
    expect(task).toMatchObject({ status: "cancelled", workerId });
    expect(task.history.map(({ outcome }) => outcome)).toEqual(["cancelled"]);
  });
});

describe("an attempt that fails", () => {
  const backoff = { type: "fixed", delayMs: 200, jitter: 0 } as const;

  test("is tried again, not before its backoff, until it succeeds", async () => {
    const { id } = await mesh.http.submit({ type: "fail", data: { times: 2 }, backoff });

    const task = await mesh.http.ended(id);

    expect(task).toMatchObject({ status: "completed", attempts: 3 });
    expect(task.history.map(({ outcome }) => outcome)).toEqual(["failed", "failed", "completed"]);
    const [first, second, third] = task.history;
    for (const [ended, next] of [
      [first, second],
      [second, third],
    ]) {
      const waitedMs = Date.parse(next?.startedAt ?? "") - Date.parse(ended?.finishedAt ?? "");
      expect(waitedMs).toBeGreaterThanOrEqual(backoff.delayMs);
    }
  });

  test("for the last time leaves the task dead, with its error; a retry runs it again", async () => {
    const submission = { type: "fail", data: { times: 9 }, maxAttempts: 2, backoff };
    const { id } = await mesh.http.submit({ ...submission, backoff: { ...backoff, delayMs: 1 } });

    const dead = await mesh.http.ended(id);
    expect(dead).toMatchObject({ status: "dead", attempts: 2, error: { name: "Error" } });

    await mesh.http.expectOk("POST", `/tasks/${id}/retry`);
    const again = await mesh.http.ended(id);
    expect(again).toMatchObject({ status: "dead", attempts: 2 });
    expect(again.fence).toBeGreaterThan(dead.fence ?? 0);
  });

  test("for want of time is told to stop, and counts as timed out", async () => {
    const { id } = await heldTask({ timeoutMs: 300, maxAttempts: 1 });

    const task = await mesh.http.ended(id);

    expect(task.status).toBe("dead");
    expect(task.history.map(({ outcome }) => outcome)).toEqual(["timed_out"]);
    expect(mesh.journal.of(id, "aborted")).toMatchObject([{ reason: "timed-out" }]);
  });
});

describe("a task that is put off", () => {
  test("is scheduled until its time, and never started before", async () => {
    const submitted = await mesh.http.submit({ type: "note", delayMs: 1_000 });
    expect(submitted.status).toBe("scheduled");

    const task = await mesh.http.ended(submitted.id);

    expect(task.status).toBe("completed");
    const waitedMs = Date.parse(task.startedAt ?? "") - Date.parse(task.createdAt);
    expect(waitedMs).toBeGreaterThanOrEqual(1_000);
  });
});

describe("many clients that wait for a task", () => {
  test("are all answered at its end, and the gateway warns of no leak", async () => {
    const warnings: string[] = [];
    const onWarning = ({ message }: Error): void => void warnings.push(message);
    process.on("warning", onWarning);
    const { id } = await mesh.http.submit({ type: "process", delayMs: 500 });

    const answers = await Promise.all(Array.from({ length: 40 }, () => mesh.http.ended(id)));

    process.off("warning", onWarning);
    expect(answers.filter(({ status }) => status !== "completed")).toEqual([]);
    expect(warnings).toEqual([]);
  });
});

describe("a node that stops", () => {
  test.each(["a follower", "the leader"])("%s hands back what it runs", async (which) => {
    const leader = await mesh.leader();
    const tasks = await Promise.all(Array.from({ length: 12 }, () => heldTask()));
    const stopped = which === "the leader" ? leader : await mesh.follower();
    const its = tasks.filter(({ workerId }) => workerId === stopped);
    expect(its.length).toBeGreaterThan(0);

    await mesh.stopNode(stopped);

    for (const { id } of its) {
      const task = await waitFor("another node runs it", async () => {
        const now = await mesh.http.task(id);
        return now.status === "running" && now.workerId !== stopped && now;
      });
      expect(task.history.map(({ outcome }) => outcome)).toEqual(["handed_back"]);
      expect(mesh.journal.of(id, "aborted")).toMatchObject([{ reason: "stopping" }]);
    }
    for (const { id } of tasks) await mesh.http.expectOk("DELETE", `/tasks/${id}`);
    await mesh.startNode(stopped);
    await mesh.whole(3);
  });
});
