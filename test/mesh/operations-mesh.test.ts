// A call that changes something, sent again to a mesh of real nodes: it does nothing more, and gives the
// first answer, whoever leads by then.
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ProblemView, TaskView } from "../support/mesh-http.js";
import { startMesh, type TestMesh } from "../support/start-mesh.js";

let mesh: TestMesh;
beforeAll(async () => {
  mesh = await startMesh();
}, 60_000);
afterAll(() => mesh.close(), 60_000);

const send = (method: string, path: string, key: string, body?: unknown) =>
  mesh.http.call<TaskView & ProblemView & { readonly ids: string[] }>(method, path, body, {
    "idempotency-key": key,
  });

const deadTask = async (): Promise<string> => {
  const task = { type: "fail", data: { times: 9 }, maxAttempts: 1 };
  const { id } = await mesh.http.submit(task);
  expect((await mesh.http.ended(id)).status).toBe("dead");
  return id;
};

async function changeLeader(): Promise<void> {
  const [to] = await mesh.followers();
  await mesh.http.expectOk("POST", "/cluster/transfer", { to });
}

test("a retry that is repeated with its key runs the task once, also at the next leader", async () => {
  const id = await deadTask();
  const first = await send("POST", `/tasks/${id}/retry`, "retry-once");
  const ended = await mesh.http.ended(id);

  await changeLeader();
  const again = await send("POST", `/tasks/${id}/retry`, "retry-once");

  expect([first.status, again.status]).toEqual([200, 200]);
  expect(again.body).toEqual(first.body);
  expect((await mesh.http.task(id)).history).toEqual(ended.history);
});

test("a refusal is repeated, too: the retry of a task that has completed is 409 however often", async () => {
  const { id } = await mesh.http.submit({ type: "process", data: "x" });
  await mesh.http.ended(id);

  const first = await send("POST", `/tasks/${id}/retry`, "refused-once");
  await changeLeader();
  const again = await send("POST", `/tasks/${id}/retry`, "refused-once");

  expect([first.status, again.status]).toEqual([409, 409]);
  expect(again.body.detail).toBe(first.body.detail);
});

test("a call without a key is one of its own each time", async () => {
  const { id } = await mesh.http.submit({ type: "process", data: "x", delayMs: 600_000 });

  expect((await mesh.http.call("DELETE", `/tasks/${id}`)).status).toBe(200);
  expect((await mesh.http.call("DELETE", `/tasks/${id}`)).status).toBe(409);
});

test("a copy that an old leader hands on late does nothing", async () => {
  const { id } = await mesh.http.submit({ type: "process", data: "x", delayMs: 600_000 });
  const operation = { id: randomUUID(), expiresAtMs: Date.now() + 60_000, fingerprint: "" };
  const leader = await mesh.leader();
  const cancelTask = (node: string, request: { id: string; operation: typeof operation }) =>
    new Promise<unknown>((resolve, reject) => {
      mesh.at(node).tasks.cancelTask(request, (error, answer) => {
        if (error === null) resolve(answer);
        else reject(error);
      });
    });
  await cancelTask(leader, { id, operation });
  await changeLeader();
  const retried = await mesh.http.expectOk<TaskView>("POST", `/tasks/${id}/retry`);
  expect(retried.status).toBe("pending");
  await mesh.http.ended(id);

  await cancelTask(leader, { id, operation });

  expect((await mesh.http.task(id)).status).toBe("completed");
});

test("another body under the same key is refused, on every call that takes a key", async () => {
  const first = await send("PUT", "/queues/keyed", "one-body", { concurrency: 3 });
  const same = await send("PUT", "/queues/keyed", "one-body", { concurrency: 3 });
  const other = await send("PUT", "/queues/keyed", "one-body", { concurrency: 4 });

  expect([first.status, same.status, other.status]).toEqual([200, 200, 422]);
  expect(other.body.code).toBe("key_reused");
});

test("a pause that is repeated does not undo what came after it", async () => {
  const first = await send("POST", "/queues/held/pause", "pause-once");
  await mesh.http.expectOk("POST", "/queues/held/resume");

  const again = await send("POST", "/queues/held/pause", "pause-once");

  expect(again.body).toMatchObject({ name: "held", paused: true });
  expect(first.body).toMatchObject({ name: "held", paused: true });
  expect(await mesh.http.expectOk("GET", "/queues/held")).toMatchObject({ paused: false });
});

test("dead letters are taken once, however often the call is repeated", async () => {
  const id = await deadTask();
  const first = await send("POST", "/dead-letters/retry", "letters-once", { ids: [id] });
  await mesh.http.ended(id);
  const again = await send("POST", "/dead-letters/retry", "letters-once", { ids: [id] });

  expect(first.body.ids).toEqual([id]);
  expect(again.body).toEqual(first.body);
  expect((await mesh.http.task(id)).status).toBe("dead");

  const dropped = await send("DELETE", "/dead-letters", "drop-once", { ids: [id] });
  const droppedAgain = await send("DELETE", "/dead-letters", "drop-once", { ids: [id] });
  expect(dropped.body.ids).toEqual([id]);
  expect(droppedAgain.body).toEqual(dropped.body);
});

test("schedules are put and deleted once, and the first answer is given again", async () => {
  const body = { cron: "0 0 1 1 *", task: { type: "process" } };
  const put = await send("PUT", "/schedules/yearly", "put-once", body);
  const putAgain = await send("PUT", "/schedules/yearly", "put-once", body);
  const deleted = await send("DELETE", "/schedules/yearly", "delete-once");
  const deletedAgain = await send("DELETE", "/schedules/yearly", "delete-once");

  expect([put.status, putAgain.status]).toEqual([201, 201]);
  expect([deleted.status, deletedAgain.status]).toEqual([200, 200]);
  expect(deletedAgain.body).toEqual(deleted.body);
});

test("leadership is handed over once", async () => {
  const [to = ""] = await mesh.followers();
  const first = await send("POST", "/cluster/transfer", "transfer-once", { to });
  const again = await send("POST", "/cluster/transfer", "transfer-once", { to });

  expect([first.status, again.status]).toEqual([200, 200]);
  expect(again.body).toMatchObject({ leader: { id: to } });
  expect(await mesh.leader()).toBe(to);
});
