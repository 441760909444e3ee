// How running tasks end, and what cancel, retry and promote do to tasks of every state.
import { beforeEach, describe, expect, it } from "vitest";
import { AttemptOutcome, TaskStatus } from "../../../src/gen/mesh/v1/task.js";
import { taskSequence } from "../../../src/queue/state/task-sequence.js";
import {
  type AppliedLog,
  assign,
  AT_MS,
  cancel,
  completed,
  dead,
  definition,
  failed,
  failure,
  finish,
  promote,
  release,
  retry,
  submit,
} from "./applied-log.js";
import { taskOf, withFreshRedis } from "./fresh-redis.js";

let log: AppliedLog;

withFreshRedis((_, freshLog) => {
  log = freshLog;
});

const task = (id: string) => taskOf(log, id);

describe("finish", () => {
  beforeEach(async () => {
    await log.append([submit("a"), assign(["a"])]);
  });

  it("completes a task with its result", async () => {
    const outcome = await log.append(finish(completed("a", 1, '{"n":1}')));
    expect(outcome.stale).toEqual([]);
    expect(await task("a")).toMatchObject({
      status: TaskStatus.COMPLETED,
      result: '{"n":1}',
      startedAtMs: AT_MS + 1,
      finishedAtMs: AT_MS + 9,
      history: [
        {
          attempt: 1,
          workerId: "node-1",
          fence: 1,
          startedAtMs: AT_MS + 1,
          finishedAtMs: AT_MS + 9,
          outcome: AttemptOutcome.COMPLETED,
          error: "",
        },
      ],
    });
  });

  it("keeps a large result whole", async () => {
    const result = JSON.stringify("x".repeat(200_000));
    await log.append(finish(completed("a", 1, result)));
    expect((await task("a")).result).toBe(result);
  });

  it("schedules the next attempt of a failed task", async () => {
    await log.append(finish(failed("a", 1, AT_MS + 1_000, true)));
    expect(await task("a")).toMatchObject({
      status: TaskStatus.SCHEDULED,
      attempts: 1,
      runAtMs: AT_MS + 1_000,
      finishedAtMs: undefined,
      error: failure,
      history: [
        { attempt: 1, outcome: AttemptOutcome.TIMED_OUT, error: "it broke", endedIndex: 2 },
      ],
    });
  });

  it("puts a task among the dead with its last error", async () => {
    await log.append(finish(dead("a", 1)));
    expect(await task("a")).toMatchObject({
      status: TaskStatus.DEAD,
      error: failure,
      finishedAtMs: AT_MS + 9,
      history: [{ outcome: AttemptOutcome.FAILED }],
    });
  });

  it("refuses an old fence, an unknown task and one that does not run", async () => {
    await log.append([release("a", 1), assign(["a"], { nodeId: "node-2" }), submit("idle")]);
    const outcome = await log.append(
      finish(completed("a", 1), completed("unknown", 1), completed("idle", 0)),
    );
    expect(outcome.stale).toEqual(["a", "unknown", "idle"]);
    expect(await task("a")).toMatchObject({ status: TaskStatus.RUNNING, workerId: "node-2" });
  });

  it("refuses a second end of the same attempt", async () => {
    const outcome = await log.append(finish(completed("a", 1), dead("a", 1)));
    expect(outcome.stale).toEqual(["a"]);
    expect((await task("a")).status).toBe(TaskStatus.COMPLETED);
  });

  it("clears the error of earlier attempts when the task completes", async () => {
    await log.append(finish(failed("a", 1, AT_MS)));
    await log.append(assign(["a"], { attempt: 2 }));
    await log.append(finish(completed("a", 3)));
    const found = await task("a");
    expect(found.error).toBeUndefined();
    expect(found.history.map(({ outcome }) => outcome)).toEqual([
      AttemptOutcome.FAILED,
      AttemptOutcome.COMPLETED,
    ]);
  });

  it("keeps the last 20 attempts and bounds the text of an error", async () => {
    const error = { name: "Error", message: "💥".repeat(5_000), stack: "s".repeat(50_000) };
    for (let attempt = 1; attempt <= 25; attempt++) {
      const end = failed("a", log.lastIndex, AT_MS);
      end.outcome = { $case: "retry", value: { error, timedOut: false, runAtMs: AT_MS } };
      await log.append(finish(end));
      await log.append(assign(["a"], { attempt: attempt + 1 }));
    }
    const found = await task("a");
    expect(found.history.map(({ attempt }) => attempt)).toEqual(
      Array.from({ length: 20 }, (_, i) => i + 6),
    );
    expect(found.error?.message).toBe("💥".repeat(2_048));
    expect(found.error?.stack).toHaveLength(8_192);
    expect(found.history[0]?.error).toBe("💥".repeat(256));
  });
});

describe("release", () => {
  it("gives the task its old place back, the attempt not counted", async () => {
    await log.append([submit("a", "b"), assign(["a"])]);
    await log.append(release("a", 1), AT_MS + 7);
    expect(await task("a")).toMatchObject({
      status: TaskStatus.PENDING,
      attempts: 0,
      history: [
        {
          attempt: 1,
          outcome: AttemptOutcome.LOST,
          finishedAtMs: AT_MS + 7,
          error: "gone",
          endedIndex: 2,
        },
      ],
    });
    const head = await log.reader.pendingHead({ queue: "default", priority: 5, limit: 9 });
    expect(head.map(({ id, losses }) => [id, losses])).toEqual([
      ["a", 1],
      ["b", 0],
    ]);
  });

  it("does not count a task that was handed back as a loss", async () => {
    await log.append([submit("a"), assign(["a"])]);
    await log.append(release("a", 1, { reason: AttemptOutcome.HANDED_BACK }));
    const [head] = await log.reader.pendingHead({ queue: "default", priority: 5, limit: 1 });
    expect(head).toMatchObject({ losses: 0, attempts: 0 });
  });

  it("lets a task wait that is to, and counts a lapse apart from a loss", async () => {
    await log.append([submit("a"), assign(["a"])]);
    const waiting = { reason: AttemptOutcome.LAPSED, runAtMs: AT_MS + 50 };
    await log.append(release("a", 1, waiting), AT_MS + 7);
    expect(await task("a")).toMatchObject({
      status: TaskStatus.SCHEDULED,
      runAtMs: AT_MS + 50,
      attempts: 0,
      history: [{ attempt: 1, outcome: AttemptOutcome.LAPSED }],
    });
    expect((await log.append(promote(9), AT_MS + 49)).promoted).toEqual([]);
    const { promoted } = await log.append(promote(9), AT_MS + 50);
    expect(promoted).toMatchObject([{ id: "a", losses: 0, lapses: 1 }]);
  });

  it("does not let a task wait whose time has come by the entry", async () => {
    await log.append([submit("a"), assign(["a"])]);
    await log.append(release("a", 1, { runAtMs: AT_MS + 7 }), AT_MS + 7);
    expect(await task("a")).toMatchObject({ status: TaskStatus.PENDING, runAtMs: AT_MS });
  });

  it("reports another fence as stale", async () => {
    await log.append([submit("a"), assign(["a"])]);
    const outcome = await log.append([release("a", 9), release("unknown", 1)]);
    expect(outcome.stale).toEqual(["a", "unknown"]);
    expect((await task("a")).status).toBe(TaskStatus.RUNNING);
  });
});

describe("cancel", () => {
  it("cancels what has not ended and tells what it found", async () => {
    await log.append([
      submit("pending", "running", "ended", definition("scheduled", { runAtMs: AT_MS + 1 })),
      assign(["running", "ended"]),
      finish(completed("ended", 1)),
    ]);
    const outcome = await log.append(
      cancel("pending", "running", "scheduled", "ended", "unknown", "pending"),
      AT_MS + 3,
    );
    expect(outcome.cancelled).toEqual([
      { id: "pending", result: "cancelled", status: TaskStatus.PENDING },
      { id: "running", result: "cancelled", status: TaskStatus.RUNNING },
      { id: "scheduled", result: "cancelled", status: TaskStatus.SCHEDULED },
      { id: "ended", result: "ended", status: TaskStatus.COMPLETED },
      { id: "unknown", result: "not-found", status: TaskStatus.UNSPECIFIED },
      { id: "pending", result: "ended", status: TaskStatus.CANCELLED },
    ]);
    expect(await task("running")).toMatchObject({
      status: TaskStatus.CANCELLED,
      finishedAtMs: AT_MS + 3,
      history: [{ outcome: AttemptOutcome.CANCELLED, endedIndex: 2 }],
    });
    expect(await log.reader.counts()).toMatchObject({ scheduled: 0, pending: 0, cancelled: 3 });
    expect(await log.reader.nextScheduledAtMs()).toBeUndefined();
  });

  it("makes the end of a cancelled attempt stale", async () => {
    await log.append([submit("a"), assign(["a"]), cancel("a")]);
    expect((await log.append(finish(completed("a", 1)))).stale).toEqual(["a"]);
    expect((await task("a")).status).toBe(TaskStatus.CANCELLED);
  });
});

describe("retry", () => {
  it("makes dead and cancelled tasks pending as if never attempted", async () => {
    await log.append([submit("dead", "cancelled"), assign(["dead"])]);
    await log.append([release("dead", 1), assign(["dead"]), cancel("cancelled")]);
    await log.append(finish(dead("dead", 2)));
    const outcome = await log.append(retry("dead", "cancelled"), AT_MS + 50);
    expect(outcome.retried.map(({ id, result }) => [id, result])).toEqual([
      ["dead", "pending"],
      ["cancelled", "pending"],
    ]);
    expect(outcome.retried[0]).toMatchObject({
      task: {
        id: "dead",
        type: "process",
        queue: "default",
        priority: 5,
        sequence: taskSequence(1, 0),
        attempts: 0,
        losses: 0,
        lapses: 0,
        maxAttempts: 3,
        timeoutMs: 2_000,
        requires: ["gpu"],
        backoff: definition("x").backoff,
        runAtMs: AT_MS + 50,
      },
    });
    expect(await task("dead")).toMatchObject({
      status: TaskStatus.PENDING,
      attempts: 0,
      error: undefined,
      finishedAtMs: undefined,
    });
  });

  it("refuses tasks in other states", async () => {
    await log.append(submit("a"));
    const outcome = await log.append(retry("a", "unknown"));
    expect(outcome.retried).toEqual([
      { id: "a", result: "not-retryable", status: TaskStatus.PENDING },
      { id: "unknown", result: "not-found", status: TaskStatus.UNSPECIFIED },
    ]);
  });
});

describe("promote", () => {
  it("makes due tasks pending, the earliest first, up to its limit", async () => {
    const at = (id: string, runAtMs: number) => definition(id, { runAtMs });
    await log.append(
      submit(at("c", AT_MS + 3), at("a", AT_MS + 1), at("b", AT_MS + 2), at("d", AT_MS + 99)),
    );
    const first = await log.append(promote(2), AT_MS + 3);
    expect(first.promoted.map(({ id }) => id)).toEqual(["a", "b"]);
    const second = await log.append(promote(9), AT_MS + 3);
    expect(second.promoted.map(({ id }) => id)).toEqual(["c"]);
    expect(await log.reader.nextScheduledAtMs()).toBe(AT_MS + 99);
  });

  it("sees what the same entry scheduled and cancelled before", async () => {
    await log.append([submit("a"), assign(["a"]), submit(definition("b", { runAtMs: AT_MS + 1 }))]);
    const outcome = await log.append(
      [finish(failed("a", 1, AT_MS + 1)), cancel("b"), promote(9)],
      AT_MS + 1,
    );
    expect(outcome.promoted.map(({ id, attempts }) => [id, attempts])).toEqual([["a", 1]]);
  });
});
