// A submission stays one task whatever happens to the leader, and finds the next one.
import { afterEach, describe, expect, it } from "vitest";
import { TaskStatus } from "../../src/gen/mesh/v1/task.js";
import { until } from "../discovery/until.js";
import { problem } from "./fake-answers.js";
import { FakeMesh, type FakeMeshOptions } from "./fake-mesh.js";

let mesh: FakeMesh | undefined;
afterEach(async () => {
  await mesh?.close();
  mesh = undefined;
});

async function started(options: FakeMeshOptions = {}): Promise<FakeMesh> {
  mesh = await FakeMesh.start(options);
  return mesh;
}

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
  readonly headers: Record<string, unknown>;
}

async function post(
  target: FakeMesh,
  url = "/tasks",
  payload: object = { type: "process" },
): Promise<Answer> {
  const response = await target.app.inject({ method: "POST", url, payload });
  return { status: response.statusCode, body: response.json(), headers: response.headers };
}

describe("a submission", () => {
  it("goes to the leader alone, and not marked as sent before", async () => {
    const target = await started();

    const { status } = await post(target);

    const { submissions } = target.node("n1");
    expect(status).toBe(201);
    expect(submissions).toHaveLength(1);
    expect(submissions[0]?.resend).toBe(false);
    expect(target.submittedIds()).toHaveLength(1);
  });

  it("is sent to the next leader under the same id when the leader is killed", async () => {
    const target = await started();
    await post(target);
    target.node("n1").kill();
    target.elect("n2");

    const { status, body } = await post(target);

    expect(status).toBe(201);
    expect(target.tasks.size).toBe(2);
    expect(target.node("n2").submissions[0]?.items.map(({ id }) => id)).toEqual([body["id"]]);
  });

  it("is sent again, marked, when the leader keeps it and dies before it answers", async () => {
    const target = await started();
    target.node("n1").behaviour = "keep_and_hang";
    const answer = post(target);
    await until(() => target.tasks.size === 1);
    target.elect("n2");
    target.node("n1").kill();

    const { status, body } = await answer;

    expect(status).toBe(201);
    expect([...target.tasks.keys()]).toEqual([body["id"]]);
    expect(target.node("n2").submissions[0]?.resend).toBe(true);
    expect(new Set(target.submittedIds()).size).toBe(1);
  });

  it("is sent again when the leader stands still without a word", async () => {
    const target = await started();
    target.node("n1").behaviour = "keep_and_hang";
    const answer = post(target);
    await until(() => target.tasks.size === 1);
    target.elect("n3");

    const { status } = await answer;

    expect(status).toBe(201);
    expect(target.tasks.size).toBe(1);
    expect(target.node("n3").submissions[0]?.resend).toBe(true);
  });

  it("waits for an election", async () => {
    const target = await started();
    target.depose();
    const answer = post(target);
    await until(() => target.nodes.some(({ submissions }) => submissions.length > 0));
    for (const node of target.nodes) node.behaviour = "answer";
    target.elect("n2");

    expect((await answer).status).toBe(201);
    expect(target.tasks.size).toBe(1);
  });

  it("finds the nodes that it knew when the registry is empty", async () => {
    const target = await started();
    await post(target);
    target.directory.nodes = [];
    target.directory.redisError = "ECONNREFUSED";
    target.node("n1").kill();
    target.elect("n2");

    expect((await post(target)).status).toBe(201);
  });

  it("is answered 503 with Retry-After where no leader is elected in time", async () => {
    const target = await started({ retryForMs: 200 });
    target.depose();

    const { status, body, headers } = await post(target);

    expect(status).toBe(503);
    expect(body["code"]).toBe("no_leader");
    expect(headers["retry-after"]).toBe("1");
    expect(target.tasks.size).toBe(0);
  });

  it("is answered 503 where no node can be reached", async () => {
    const target = await started({ retryForMs: 100 });
    for (const node of target.nodes) node.kill();

    expect(await post(target)).toMatchObject({ status: 503, body: { code: "no_node" } });
  });

  it("is answered 503 outcome_unknown where the answer was lost for good", async () => {
    const target = await started({ nodes: 1, retryForMs: 1 });
    target.node("n1").behaviour = "keep_and_hang";

    expect(await post(target)).toMatchObject({ status: 503, body: { code: "outcome_unknown" } });
  });
});

describe("concurrent submissions", () => {
  it("share few calls, and each gets its own task", async () => {
    const target = await started();
    await post(target);

    const answers = await Promise.all(
      Array.from({ length: 500 }, (_, at) => post(target, "/tasks", { type: "process", data: at })),
    );

    expect(new Set(answers.map(({ body }) => body["id"])).size).toBe(500);
    expect(answers.map(({ body }) => body["data"])).toEqual(answers.map((_, at) => at));
    expect(target.node("n1").submissions.length).toBeLessThan(50);
  });

  it("are split where they are more than one call takes", async () => {
    const target = await started();
    const items = Array.from({ length: 2_500 }, (_, at) => ({ type: "process", data: at }));

    const { body } = await post(target, "/tasks/batch", items);

    expect(body["results"]).toHaveLength(2_500);
    const sizes = target.node("n1").submissions.map((call) => call.items.length);
    expect(Math.max(...sizes)).toBe(1_000);
    expect(target.tasks.size).toBe(2_500);
  });

  it("are split where their data is more than one call takes", async () => {
    const target = await started();
    const items = Array.from({ length: 6 }, () => ({ type: "process", data: "x".repeat(400_000) }));

    await target.app.inject({ method: "POST", url: "/tasks/batch", payload: items });

    expect(target.node("n1").submissions.map((call) => call.items.length)).toEqual([2, 2, 2]);
  });
});

describe("a change whose answer was lost", () => {
  it("is told as done where the second try finds it done", async () => {
    const target = await started();
    const { body } = await post(target);
    target.node("n1").behaviour = "keep_and_hang";
    const cancelled = target.app.inject({ method: "DELETE", url: `/tasks/${String(body["id"])}` });
    await until(() =>
      [...target.tasks.values()].some(({ status }) => status === TaskStatus.CANCELLED),
    );
    target.elect("n2");
    target.node("n1").kill();

    const response = await cancelled;

    expect(response.statusCode).toBe(200);
    expect(response.json()).toMatchObject({ id: body["id"], status: "cancelled" });
  });

  it("is not told as surely not done where the next node has no time for it", async () => {
    const target = await started();
    const { body } = await post(target);
    target.node("n1").behaviour = "keep_and_hang";
    const cancelled = target.app.inject({ method: "DELETE", url: `/tasks/${String(body["id"])}` });
    await until(() =>
      [...target.tasks.values()].some(({ status }) => status === TaskStatus.CANCELLED),
    );
    const busy = { code: "overloaded", message: "busy", field: "", httpStatus: 503 };
    target.node("n2").refusal = { ...busy, retryAfterMs: 0, logTimeMs: 0 };
    target.elect("n2");
    target.node("n1").kill();

    expect((await cancelled).json()).toMatchObject({ status: 503, code: "outcome_unknown" });
  });
});

describe("a gateway whose clock is far from log time", () => {
  it("learns how far from the first refusal, and sends the change anew", async () => {
    const target = await started();
    const { body } = await post(target);
    const logTimeMs = Date.now() + 3_600_000;
    target.node("n1").refusal = problem("expired", 503, { logTimeMs });

    const url = `/tasks/${String(body["id"])}`;
    const cancelled = await target.app.inject({ method: "DELETE", url });

    expect(cancelled.statusCode).toBe(200);
    const [operation] = target.node("n1").changes;
    expect(operation?.expiresAtMs).toBeGreaterThan(logTimeMs);
  });
});
