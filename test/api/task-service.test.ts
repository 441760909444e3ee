import { Metadata, status } from "@grpc/grpc-js";
import { isValid } from "ulid";
import { describe, expect, test, vi } from "vitest";

import { problemOf } from "../../src/api/status.js";
import { WatchTasksRequest, type WatchTasksResponse } from "../../src/gen/mesh/v1/task_service.js";
import { TaskStatus } from "../../src/gen/mesh/v1/task.js";
import { call, failureOf, startNode, submissionOf, submit } from "./support.js";

async function startLeader() {
  const node = await startNode();
  node.leadership.become({ kind: "self" });
  return node;
}

const change = (id: string): WatchTasksResponse => ({
  id,
  status: TaskStatus.PENDING,
  index: 1,
  atMs: 2,
  workerId: "",
  attempt: 0,
  type: "process",
  queue: "default",
  position: 0,
  changes: [],
});
const everything = WatchTasksRequest.decode(new Uint8Array());

describe("TaskService on the leader", () => {
  test("gives a submission an id and answers with the task", async () => {
    const leader = await startLeader();
    const { task, created } = await submit(leader, { data: '"Hello World"' });
    expect(created).toBe(true);
    expect(isValid(task?.id ?? "")).toBe(true);
    expect(task?.data).toBe('"Hello World"');
  });

  test("submits what arrives in one turn together, and answers each with its own", async () => {
    const leader = await startLeader();
    await submit(leader);
    const before = leader.queue.submitCalls.length;
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, n) => submit(leader, { data: String(n) })),
    );
    expect(answers.map(({ task }) => task?.data)).toEqual(
      Array.from({ length: 200 }, (_, n) => String(n)),
    );
    const calls = leader.queue.submitCalls.slice(before);
    expect(calls.length).toBeLessThan(50);
    expect(calls.flatMap(({ items }) => items)).toHaveLength(200);
  });

  test("refuses one of those that were submitted together alone", async () => {
    const leader = await startLeader();
    const [good, bad] = await Promise.allSettled([
      submit(leader),
      submit(leader, { type: "refused" }),
    ]);
    expect(good.status).toBe("fulfilled");
    if (bad.status !== "rejected") throw new Error("a refusal was expected");
    expect(problemOf(bad.reason)).toMatchObject({ code: "unknown_type", field: "type" });
  });

  test("looks up a submission whose id the caller chose, for it may be its second", async () => {
    const leader = await startLeader();
    const id = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    expect(await submit(leader, { id })).toMatchObject({ created: true });
    expect(await submit(leader, { id })).toMatchObject({ created: false });
    expect(leader.queue.submitCalls.every(({ resend }) => resend)).toBe(true);
    expect(leader.queue.kept.size).toBe(1);
  });

  test("answers a batch with one result per item, in order", async () => {
    const leader = await startLeader();
    const { results } = await call(leader.tasks.submitTasks.bind(leader.tasks), {
      items: [submissionOf(), submissionOf({ type: "refused" }), submissionOf()],
      resend: false,
    });
    expect(results.map(({ outcome }) => outcome?.$case)).toEqual([
      "submitted",
      "refused",
      "submitted",
    ]);
  });

  test("refuses a batch of more than 10,000 items and keeps nothing", async () => {
    const leader = await startLeader();
    const items = Array.from({ length: 10_001 }, () => submissionOf());
    const error = await failureOf(
      call(leader.tasks.submitTasks.bind(leader.tasks), { items, resend: false }),
    );
    expect(error.code).toBe(status.INVALID_ARGUMENT);
    expect(problemOf(error)).toMatchObject({ code: "too_many_items", httpStatus: 422 });
    expect(leader.queue.kept.size).toBe(0);
  });

  test("takes a batch of several megabytes", async () => {
    const leader = await startLeader();
    const data = JSON.stringify("x".repeat(1_000));
    const { results } = await call(leader.tasks.submitTasks.bind(leader.tasks), {
      items: Array.from({ length: 8_000 }, () => submissionOf({ data })),
      resend: false,
    });
    expect(results).toHaveLength(8_000);
  });

  test("answers an unknown id with NOT_FOUND and its problem", async () => {
    const leader = await startLeader();
    const request = { id: "nope", waitMs: 0, linearizable: false, minIndex: 0 };
    const error = await failureOf(call(leader.tasks.getTask.bind(leader.tasks), request));
    expect(error.code).toBe(status.NOT_FOUND);
    expect(problemOf(error)).toMatchObject({ code: "not_found", httpStatus: 404 });
  });

  test("masks an error that is none of the queue's", async () => {
    const leader = await startLeader();
    leader.queue.list = () => Promise.reject(new Error("the secret path /etc/x"));
    const request = { status: 0, type: "", queue: "", limit: 0, cursor: "" };
    const error = await failureOf(call(leader.tasks.listTasks.bind(leader.tasks), request));
    expect(error.code).toBe(status.INTERNAL);
    expect(error.message).not.toContain("secret");
    expect(leader.log.errors).toHaveLength(1);
  });

  test.each([
    ["hangs up", "cancel"],
    ["reaches its deadline", "deadline"],
  ])("ends a read whose caller %s", async (_name, how) => {
    const leader = await startLeader();
    let signal: AbortSignal | undefined;
    leader.queue.get = (_request, given) => {
      signal = given;
      return new Promise((_resolve, reject) => {
        given.addEventListener("abort", () => reject(new Error("given up")));
      });
    };
    const request = { id: "x", waitMs: 60_000, linearizable: false, minIndex: 0 };
    const deadline = Date.now() + (how === "deadline" ? 200 : 60_000);
    const pending = leader.tasks.getTask(request, new Metadata(), { deadline }, () => undefined);
    await vi.waitFor(() => expect(signal).toBeDefined());
    if (how === "cancel") pending.cancel();
    await vi.waitFor(() => expect(signal?.aborted).toBe(true));
    expect(leader.log.errors).toEqual([]);
  });

  test("cancels and retries", async () => {
    const leader = await startLeader();
    await call(leader.tasks.cancelTask.bind(leader.tasks), { id: "a" });
    const { task } = await call(leader.tasks.retryTask.bind(leader.tasks), { id: "b" });
    expect(task?.id).toBe("b");
    expect(leader.queue.calls).toEqual(["cancel a", "retry b"]);
  });
});

describe("WatchTasks", () => {
  test("sends changes in order until the source ends", async () => {
    const node = await startNode();
    node.queue.watch = async function* () {
      for (const id of ["a", "b", "c"]) yield await Promise.resolve(change(id));
    };
    const seen: string[] = [];
    for await (const { id } of node.tasks.watchTasks(
      everything,
    ) as AsyncIterable<WatchTasksResponse>) {
      seen.push(id);
    }
    expect(seen).toEqual(["a", "b", "c"]);
  });

  test("ends its source where the watcher leaves", async () => {
    const node = await startNode();
    let ended = false;
    node.queue.watch = async function* (_request, signal) {
      yield change("a");
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      ended = true;
    };
    const watching = node.tasks.watchTasks(everything);
    watching.on("error", () => undefined);
    await new Promise((resolve) => watching.once("data", resolve));
    watching.cancel();
    await vi.waitFor(() => expect(ended).toBe(true));
  });

  test("does not run ahead of a watcher that reads slowly", async () => {
    const node = await startNode();
    let produced = 0;
    node.queue.watch = async function* () {
      for (; produced < 1_000_000; produced += 1) {
        yield await Promise.resolve({ ...change("x"), queue: "q".repeat(10_000) });
      }
    };
    const watching = node.tasks.watchTasks(everything);
    watching.on("error", () => undefined);
    await new Promise((resolve) => watching.once("readable", resolve));
    let last = -1;
    await vi.waitFor(
      () => {
        const same = produced === last;
        last = produced;
        expect(same).toBe(true);
      },
      { interval: 100 },
    );
    expect(produced).toBeLessThan(100);
    watching.cancel();
  });

  test("ends with the status of what its source throws", async () => {
    const node = await startNode();
    const { QueueError } = await import("../../src/queue/errors.js");
    node.queue.watch = async function* () {
      yield await Promise.resolve(change("a"));
      throw new QueueError("redis_unavailable", "Redis is down");
    };
    const watching = node.tasks.watchTasks(everything);
    watching.resume();
    const error = await new Promise((resolve) => watching.once("error", resolve));
    expect(problemOf(error)).toMatchObject({ code: "redis_unavailable" });
  });
});
