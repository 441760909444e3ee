// Why a task waits, ran where it ran and ended as it did, on a mesh of real nodes: each cause is made to
// hold, and asked for over HTTP or gRPC.
import { Metadata } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { WhyTaskResponse } from "../../src/gen/mesh/v1/task_why.js";
import type { ProblemView } from "../support/mesh-http.js";
import { startMesh, type TestMesh } from "../support/start-mesh.js";
import { waitFor } from "../support/wait-for.js";

interface ReasonView {
  readonly code: string;
  readonly message: string;
  readonly nodes?: readonly { readonly id: string }[];
  readonly taskIds?: readonly string[];
  readonly at?: string;
  readonly count?: number;
  readonly index?: number;
  readonly term?: number;
}

interface WhyView {
  readonly status: string;
  readonly reasons: readonly ReasonView[];
  readonly attempts: readonly {
    readonly workerId: string;
    readonly fence: number;
    readonly term: number | null;
    readonly placed: ReasonView;
    readonly ended: ReasonView | null;
  }[];
  readonly leader: { readonly id: string; readonly term: number };
}

const HOUR_MS = 3_600_000;
const SLOTS = 2;

let mesh: TestMesh;
beforeAll(async () => {
  const worker = { concurrency: SLOTS, drainGraceMs: 0 };
  mesh = await startMesh({ nodes: 4, worker, tasks: { acceptUnknownTypes: true } });
}, 60_000);
afterAll(() => mesh.close(), 60_000);

const why = (id: string) => mesh.http.expectOk<WhyView>("GET", `/tasks/${id}/why`);
const codes = async (id: string) => (await why(id)).reasons.map(({ code }) => code);
const cancel = (id: string) => mesh.http.expectOk("DELETE", `/tasks/${id}`);
const hold = { type: "hold", data: { ms: 600_000 } };

async function submit(more: Readonly<Record<string, unknown>>): Promise<string> {
  return (await mesh.http.submit({ type: "note", ...more })).id;
}

/** The reasons, once these are all of them. */
async function held(id: string, ...expected: readonly string[]): Promise<readonly ReasonView[]> {
  return waitFor(`${id} is held up by ${expected.join(", ")}`, async () => {
    const { reasons } = await why(id);
    const found = reasons.map(({ code }) => code);
    if (found.join() !== expected.join()) throw new Error(`it is by ${found.join()}`);
    return reasons;
  });
}

async function runs(id: string): Promise<string> {
  return waitFor(`${id} runs`, async () => {
    const { status, workerId } = await mesh.http.task(id);
    return status === "running" && (workerId ?? undefined);
  });
}

describe("a waiting task is held up", { timeout: 120_000 }, () => {
  test("by its queue, which is paused, and by who is ahead of it", async () => {
    await mesh.http.expectOk("POST", "/queues/paused/pause");
    const first = await submit({ queue: "paused" });
    const second = await submit({ queue: "paused", priority: 3 });

    await held(first, "queue_paused");
    const [, ahead] = await held(second, "queue_paused", "tasks_ahead");

    expect(ahead?.count).toBe(1);
  });

  test("by its queue, of which no more may run at a time", async () => {
    await mesh.http.expectOk("PUT", "/queues/single", { concurrency: 1 });
    const running = await submit({ ...hold, queue: "single" });
    await runs(running);

    const [reason] = await held(await submit({ queue: "single" }), "queue_concurrency");

    expect(reason).toMatchObject({ count: 1, limit: 1 });
    await cancel(running);
  });

  test("by its queue, whose rate is used up until a time that is told", async () => {
    const rate = { count: 1, perMs: HOUR_MS, burst: 1 };
    await mesh.http.expectOk("PUT", "/queues/rated", { rate });
    const { startedAt } = await mesh.http.ended(await submit({ queue: "rated" }));

    const [reason] = await held(await submit({ queue: "rated" }), "queue_rate");

    const waitsMs = Date.parse(reason?.at ?? "") - Date.parse(startedAt ?? "");
    expect(Math.abs(waitsMs - HOUR_MS)).toBeLessThan(HOUR_MS / 2);
  });

  test("by want of a node with its type, or with its labels", async () => {
    const absent = await submit({ type: "absent", queue: "absent" });
    const [type] = await held(absent, "no_node_with_type");
    const [labels] = await held(await submit({ requires: ["gpu"] }), "no_node_with_labels");

    expect(type?.message).toContain('"absent"');
    expect(labels).toMatchObject({ missingLabels: ["gpu"] });
    expect(labels?.nodes).toHaveLength(4);
  });

  test("by want of a free slot, and hears who is full", async () => {
    const slots = Array.from({ length: 4 * SLOTS }, () => submit({ ...hold, queue: "full" }));
    const filling = await Promise.all(slots);
    for (const id of filling) await runs(id);

    const [reason] = await held(await submit({ queue: "full" }), "no_free_slot");

    expect(reason?.nodes).toHaveLength(4);
    expect(reason?.nodes?.[0]).toMatchObject({ running: SLOTS, concurrency: SLOTS });
    await Promise.all(filling.map(cancel));
  });

  test("by Redis, where it waits there and Redis is away", async () => {
    await mesh.http.expectOk("POST", "/queues/stored/pause");
    const id = await submit({ queue: "stored" });
    await held(id, "queue_paused");
    await mesh.stopRedis();
    try {
      await held(id, "queue_paused", "redis_behind");
      await mesh.http.expectOk("POST", "/queues/stored/resume");
      await held(id, "redis_behind");
    } finally {
      await mesh.startRedis();
    }
    expect(await mesh.http.ended(id)).toMatchObject({ status: "completed" });
  });

  test("by tasks that it waits for", async () => {
    const awaited = await submit({ delayMs: HOUR_MS });

    const [reason] = await held(await submit({ after: [awaited] }), "waiting_for_tasks");

    expect(reason?.taskIds).toEqual([awaited]);
  });

  test("by its time, that of its submission or that of its backoff", async () => {
    const backoff = { type: "fixed", delayMs: HOUR_MS, jitter: 0 };
    const late = await submit({ delayMs: HOUR_MS });
    const failed = await submit({ type: "fail", data: { times: 1 }, backoff });

    const [delayed] = await held(late, "delayed");
    const [again] = await held(failed, "retry_backoff");

    expect(Date.parse(delayed?.at ?? "")).toBeGreaterThan(Date.now());
    expect(Date.parse(again?.at ?? "")).toBeGreaterThan(Date.now());
    const { attempts, leader } = await why(failed);
    expect(attempts).toMatchObject([{ ended: { code: "failed", term: leader.term } }]);
    expect(attempts[0]?.ended?.index).toBe(again?.index);
  });
});

describe("a task that was given to a node", { timeout: 120_000 }, () => {
  test("hears which nodes there were, from its leader alone, and of its end from any", async () => {
    const id = await submit({});
    await mesh.http.ended(id);
    const before = await why(id);

    expect(before).toMatchObject({
      status: "completed",
      reasons: [{ code: "completed", term: before.leader.term }],
      attempts: [{ term: before.leader.term, placed: { code: "chosen_by_policy" } }],
    });
    const [attempt] = before.attempts;
    expect(attempt?.placed.nodes?.map(({ id }) => id)).toContain(attempt?.workerId);
    expect(before.reasons[0]?.index).toBeGreaterThan(attempt?.fence ?? Infinity);

    await mesh.http.expectOk("POST", "/cluster/transfer", {});
    const after = await waitFor("another leader answers", async () => {
      const answer = await why(id);
      return answer.leader.id !== before.leader.id && answer;
    });

    expect(after.reasons).toEqual(before.reasons);
    expect(after.attempts).toEqual([
      { ...attempt, placed: { code: "placement_unknown", message: expect.any(String) as string } },
    ]);
  });

  test.each([
    ["cancelled", {}],
    ["deadline_exceeded", { deadlineMs: 3_000 }],
    ["timed_out", { timeoutMs: 100, maxAttempts: 1 }],
  ])("hears that it ended as %s, by which entry", async (code, more) => {
    const id = await submit({ ...hold, ...more });
    if (code === "cancelled") {
      await runs(id);
      await cancel(id);
    }
    await mesh.http.ended(id);

    const { reasons, attempts, leader } = await why(id);

    const { index } = attempts[0]?.ended ?? {};
    expect(attempts[0]?.ended).toMatchObject({ code, term: leader.term });
    expect(reasons).toMatchObject([{ code, index, term: leader.term }]);
  });

  test("hears that a client cancelled it before it ran", async () => {
    const id = await submit({ delayMs: HOUR_MS });
    await cancel(id);

    const { reasons, attempts } = await why(id);

    expect(attempts).toEqual([]);
    expect(reasons).toMatchObject([{ code: "cancelled", index: expect.any(Number) as number }]);
  });

  test("is the same over gRPC, asked of a follower, while it runs", async () => {
    const id = await submit(hold);
    await runs(id);
    const follower = await mesh.follower();
    const answer = await new Promise<WhyTaskResponse>((resolve, reject) => {
      const call = { deadline: Date.now() + 10_000 };
      mesh.at(follower).tasks.whyTask({ id }, new Metadata(), call, (error, response) => {
        if (error === null) resolve(response);
        else reject(error);
      });
    });

    expect(answer.leaderId).not.toBe(follower);
    expect(answer.reasons).toMatchObject([{ code: "running" }]);
    expect(answer.attempts).toMatchObject([{ fence: answer.reasons[0]?.index, ended: undefined }]);
    await cancel(id);
  });

  test("hears that its node was drained, or lost", async () => {
    const moved = await submit(hold);
    const drained = await runs(moved);
    await mesh.http.expectOk("POST", `/workers/${drained}/drain`);
    const second = await waitFor("it runs elsewhere", async () => {
      const on = await runs(moved);
      return on !== drained && on;
    });
    mesh.kill(second);
    await waitFor("it was lost", async () => (await why(moved)).attempts.length > 2);

    const { attempts } = await why(moved);

    expect(attempts.map(({ ended }) => ended?.code)).toEqual([
      "node_drained",
      "lease_run_out",
      undefined,
    ]);
    expect(attempts.map(({ workerId }) => workerId).slice(0, 2)).toEqual([drained, second]);
    // One entry may take it from a node and give it to another.
    expect(attempts[2]?.fence).toBeGreaterThanOrEqual(attempts[1]?.ended?.index ?? Infinity);
    expect(await codes(moved)).toEqual(["running"]);
    await cancel(moved);
    await mesh.restart(second);
  });

  test("that is none is not found", async () => {
    const path = "/tasks/01ARZ3NDEKTSV4RRFFQ69G5FAV/why";
    const { status, body } = await mesh.http.call<ProblemView>("GET", path);

    expect([status, body.code]).toEqual([404, "not_found"]);
  });
});
