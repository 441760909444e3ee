// The task calls as a client sees them.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { AttemptOutcome, BackoffType, type Task, TaskStatus } from "../../src/gen/mesh/v1/task.js";
import { until } from "../discovery/until.js";
import { FakeMesh } from "./fake-mesh.js";
import { problem } from "./fake-answers.js";

let mesh: FakeMesh;
beforeAll(async () => {
  mesh = await FakeMesh.start({ limits: { batchItems: 5, waitMs: 20_000 } });
});
afterAll(() => mesh.close());
beforeEach(() => mesh.tasks.clear());

const lastItem = () => mesh.node("n1").submissions.at(-1)?.items.at(-1);
const post = (payload: unknown, headers: Record<string, string> = {}) =>
  mesh.app.inject({
    method: "POST",
    url: "/tasks",
    payload: JSON.stringify(payload),
    headers: { "content-type": "application/json", ...headers },
  });
const get = (url: string) => mesh.app.inject({ method: "GET", url });

async function submitted(): Promise<string> {
  const response = await post({ type: "process" });
  return response.json<{ id: string }>().id;
}

describe("POST /tasks", () => {
  it("answers 201 with the place of the task and the task, every field named", async () => {
    const response = await post({ type: "process", data: "Hello World" });

    const task = response.json<Record<string, unknown>>();
    expect(response.statusCode).toBe(201);
    expect(response.headers.location).toBe(`/tasks/${String(task["id"])}`);
    expect(response.headers["content-type"]).toBe("application/json; charset=utf-8");
    expect(task).toMatchObject({
      type: "process",
      data: "Hello World",
      queue: "default",
      priority: 5,
      status: "pending",
      attempts: 0,
      maxAttempts: 3,
      createdAt: "2023-11-14T22:13:20.000Z",
      runAt: "2023-11-14T22:13:20.000Z",
      startedAt: null,
      finishedAt: null,
      workerId: null,
      fence: null,
      durability: { level: "quorum", index: 1 },
      result: null,
      error: null,
      progress: null,
      history: [],
    });
  });

  it("carries every option to the node", async () => {
    await post({
      type: "process",
      data: { ms: 5 },
      queue: "mail",
      priority: "high",
      runAt: "2030-01-01T00:00:00+01:00",
      maxAttempts: 7,
      backoff: { type: "fixed", delayMs: 90_000 },
      timeoutMs: 1_000,
      requires: ["gpu"],
      idempotencyKey: "k",
    });

    expect(lastItem()).toMatchObject({
      data: '{"ms":5}',
      queue: "mail",
      priority: 8,
      runAtMs: Date.parse("2029-12-31T23:00:00Z"),
      maxAttempts: 7,
      backoff: { type: BackoffType.FIXED, delayMs: 90_000, maxMs: 90_000, jitter: 0.2 },
      timeoutMs: 1_000,
      requires: ["gpu"],
      idempotencyKey: "k",
    });
  });

  it.each([
    ["low", 2],
    ["normal", 5],
    ["high", 8],
    [0, 0],
    [9, 9],
  ])("takes the priority %s as %i", async (given, expected) => {
    await post({ type: "process", priority: given });

    expect(lastItem()?.priority).toBe(expected);
  });

  it("gives the same task for the same Idempotency-Key, with 200", async () => {
    const first = await post({ type: "process" }, { "idempotency-key": "same" });
    const second = await post({ type: "process", idempotencyKey: "same" });

    expect([first.statusCode, second.statusCode]).toEqual([201, 200]);
    expect(second.json()).toEqual(first.json());
    expect(second.headers.location).toBe(first.headers.location);
  });

  it.each([null, 0, false, "", 'é\u2028"\\', [1, [2]], { a: { b: null } }, { __proto__x: 1 }])(
    "keeps any JSON value as data: %j",
    async (data) => {
      const { id } = (await post({ type: "process", data })).json<{ id: string }>();

      expect((await get(`/tasks/${id}`)).json<{ data: unknown }>().data).toEqual(data);
    },
  );

  it("keeps a key that would poison a prototype as plain data", async () => {
    const response = await mesh.app.inject({
      method: "POST",
      url: "/tasks",
      headers: { "content-type": "application/json" },
      payload: '{"type":"process","data":{"__proto__":{"polluted":true},"constructor":1}}',
    });

    expect(response.statusCode).toBe(201);
    expect(lastItem()?.data).toBe('{"__proto__":{"polluted":true},"constructor":1}');
    expect("polluted" in {}).toBe(false);
  });

  it("passes a W3C traceparent on", async () => {
    const traceparent = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;

    await post({ type: "process" }, { traceparent });

    expect(lastItem()?.traceparent).toBe(traceparent);
  });
});

describe("POST /tasks/batch", () => {
  afterEach(() => mesh.node("n1").refusalOfType.clear());
  const batch = (payload: string, contentType = "application/json") =>
    mesh.app.inject({
      method: "POST",
      url: "/tasks/batch",
      payload,
      headers: { "content-type": contentType },
    });

  it("keeps the good items and refuses each bad one alone, in order", async () => {
    mesh.node("n1").refusalOfType.set("alien", problem("unknown_type", 422, { field: "type" }));

    const response = await batch(
      JSON.stringify([
        { type: "process", data: 1 },
        { type: 3 },
        { type: "alien" },
        { type: "process", data: 4 },
      ]),
    );

    expect(response.statusCode).toBe(200);
    expect(response.json()).toMatchObject({
      results: [
        { task: { data: 1 } },
        { error: { status: 422, code: "invalid_field", field: "type" } },
        { error: { status: 422, code: "unknown_type", field: "type" } },
        { task: { data: 4 } },
      ],
    });
    expect(mesh.tasks.size).toBe(2);
  });

  it.each(["application/x-ndjson", "application/x-ndjson; charset=utf-8"])(
    "takes NDJSON (%s), a bad line being that item's error",
    async (contentType) => {
      const response = await batch(
        '{"type":"process","data":1}\r\n{oops\n\n{"type":"process"}\n',
        contentType,
      );

      expect(response.statusCode).toBe(200);
      expect(response.json()).toMatchObject({
        results: [
          { task: { data: 1 } },
          { error: { status: 400, code: "malformed_json" } },
          { task: {} },
        ],
      });
    },
  );

  it("keeps nothing of a batch over the limit", async () => {
    const response = await batch(
      JSON.stringify(Array.from({ length: 6 }, () => ({ type: "process" }))),
    );

    expect(response.statusCode).toBe(422);
    expect(response.json()).toMatchObject({ code: "too_many_items" });
    expect(mesh.tasks.size).toBe(0);
  });

  it("answers an empty batch with no results", async () => {
    expect((await batch("[]")).json()).toEqual({ results: [] });
  });

  it.each(['{"type":"process"}', '"x"', "null"])(
    "refuses %s, which is no array",
    async (payload) => {
      const response = await batch(payload);

      expect(response.statusCode).toBe(422);
      expect(response.json()).toMatchObject({ code: "invalid_field" });
    },
  );
});

describe("GET /tasks/{id}", () => {
  it("shows a task that ended, with its attempts", async () => {
    const id = await submitted();
    const before = mesh.tasks.get(id);
    if (before === undefined) throw new Error("not kept");
    const ended: Task = {
      ...before,
      status: TaskStatus.DEAD,
      attempts: 1,
      startedAtMs: 1_700_000_001_000,
      finishedAtMs: 1_700_000_002_000,
      workerId: "n2",
      fence: 42,
      error: { name: "Error", message: 'no "luck"', stack: "secret" },
      progress: 50,
      history: [
        {
          attempt: 1,
          workerId: "n2",
          fence: 42,
          startedAtMs: 1_700_000_001_000,
          finishedAtMs: 1_700_000_002_000,
          outcome: AttemptOutcome.TIMED_OUT,
          error: "no luck",
          endedIndex: 43,
        },
      ],
    };
    mesh.tasks.set(id, ended);

    expect((await get(`/tasks/${id}`)).json()).toMatchObject({
      status: "dead",
      startedAt: "2023-11-14T22:13:21.000Z",
      workerId: "n2",
      fence: 42,
      error: { name: "Error", message: 'no "luck"' },
      progress: 50,
      history: [
        {
          attempt: 1,
          workerId: "n2",
          fence: 42,
          startedAt: "2023-11-14T22:13:21.000Z",
          finishedAt: "2023-11-14T22:13:22.000Z",
          outcome: "timed_out",
          error: "no luck",
        },
      ],
    });
  });

  it("asks for a state that holds the client's own submission", async () => {
    const id = await submitted();

    await get(`/tasks/${id}`);

    const read = mesh.nodes.flatMap(({ reads }) => reads).find((request) => request.id === id);
    expect(read?.minIndex).toBeGreaterThan(0);
  });

  it.each([
    ["10s", 10_000],
    ["9500ms", 9_500],
    ["10", 10_000],
  ])("waits for %s", async (wait, waitMs) => {
    const id = await submitted();

    await get(`/tasks/${id}?wait=${wait}&consistency=linearizable`);

    const read = mesh.nodes.flatMap(({ reads }) => reads).find((request) => request.id === id);
    expect(read?.linearizable).toBe(true);
    expect(read?.waitMs).toBeLessThanOrEqual(waitMs);
    // What has passed meanwhile is taken off; of another unit it would be far from it.
    expect(read?.waitMs).toBeGreaterThan(waitMs / 10);
  });

  it("gives up a wait whose client hung up", async () => {
    const url = await mesh.listen();
    const id = await submitted();
    const reads = () => mesh.nodes.flatMap((node) => node.reads).filter((read) => read.id === id);
    for (const node of mesh.nodes) node.holdReads = true;
    const client = new AbortController();
    const waiting = fetch(`${url}/tasks/${id}?wait=20s`, { signal: client.signal });
    waiting.catch(() => undefined);
    await until(() => reads().length === 1);

    client.abort();
    await expect(waiting).rejects.toThrow();
    await until(() => mesh.nodes.some(({ cancelledReads }) => cancelledReads.includes(id)));

    for (const node of mesh.nodes) node.holdReads = false;
    expect(reads()).toHaveLength(1);
  });
});

describe("the other task calls", () => {
  it("list with the filters passed on", async () => {
    await submitted();

    const response = await get("/tasks?status=dead&type=process&queue=mail&limit=10&cursor=abc");

    expect(response.json()).toMatchObject({ tasks: [{ type: "process" }], nextCursor: "next" });
    const list = mesh.nodes.flatMap(({ lists }) => lists).at(-1);
    expect(list).toEqual({
      status: TaskStatus.DEAD,
      type: "process",
      queue: "mail",
      limit: 10,
      cursor: "abc",
    });
  });

  it("cancel and run again", async () => {
    const id = await submitted();

    const cancelled = await mesh.app.inject({ method: "DELETE", url: `/tasks/${id}` });
    const again = await mesh.app.inject({ method: "POST", url: `/tasks/${id}/retry` });

    expect(cancelled.json()).toMatchObject({ id, status: "cancelled" });
    expect(again.json()).toMatchObject({ id, status: "pending" });
  });
});
