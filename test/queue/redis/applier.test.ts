// The applied index, submission with its idempotency keys, and assignment.
import type { Redis } from "ioredis";
import { describe, expect, it } from "vitest";
import { TaskStatus } from "../../../src/gen/mesh/v1/task.js";
import { IDEMPOTENCY_WINDOW_MS } from "../../../src/queue/state/definition-rules.js";
import { AppliedIndexMismatch } from "../../../src/queue/redis/errors.js";
import { MAX_TASKS_PER_ENTRY, taskSequence } from "../../../src/queue/state/task-sequence.js";
import { AppliedLog, assign, AT_MS, cancel, definition, entry, submit } from "./applied-log.js";
import { taskOf, withFreshRedis } from "./fresh-redis.js";

let redis: Redis;
let log: AppliedLog;

withFreshRedis((freshRedis, freshLog) => {
  redis = freshRedis;
  log = freshLog;
});

const task = (id: string) => taskOf(log, id);

describe("the applied index", () => {
  it("moves with each batch, also over entries without commands", async () => {
    await log.append(submit("a"));
    await log.applier.apply([
      { index: 2, term: 1, batch: undefined },
      { index: 3, term: 4, batch: undefined },
    ]);
    expect(await log.applier.appliedEntry()).toMatchObject({ index: 3, term: 4 });
    expect(await log.reader.appliedIndex()).toBe(3);
  });

  it("is 0 in an empty Redis", async () => {
    expect(await log.applier.appliedIndex()).toBe(0);
  });

  it.each([
    ["a gap", 3],
    ["a repeat", 1],
  ])("refuses %s and changes nothing", async (_name, index) => {
    await log.append(submit("a"));
    const before = await redis.keys("*");
    const refused = log.applier.apply([entry(index, [submit("b")])]);
    await expect(refused).rejects.toThrow(AppliedIndexMismatch);
    await expect(refused).rejects.toMatchObject({ applied: 1 });
    expect((await redis.keys("*")).sort()).toEqual(before.sort());
  });

  it("refuses entries that leave a gap among themselves", async () => {
    const entries = [entry(1, []), entry(3, [])];
    await expect(log.applier.apply(entries)).rejects.toThrow("contiguous");
  });

  it("tells what was applied before a later call of the same batch is refused", async () => {
    // Given two calls' worth of entries, and a rival that applies one in between
    const ids = Array.from({ length: 1_024 }, (_, i) => `t${i}`);
    const first = entry(1, [submit(...ids, "t0")]);
    const second = entry(2, [submit("b")]);
    const racing = log.applier.apply([first, second]);
    racing.catch(() => undefined);
    const rival = new AppliedLog(redis, "test").applier;
    await expect.poll(() => rival.appliedIndex()).toBeGreaterThan(0);
    // When the rival loses the race nothing is refused, when it wins the outcomes so far are kept
    await rival.apply([second]).catch(() => undefined);
    const outcomes = await racing.catch((error: unknown) =>
      error instanceof AppliedIndexMismatch ? error.outcomes : [],
    );
    expect(outcomes[0]?.duplicates).toEqual([{ id: "t0", existingId: "t0" }]);
    expect(await rival.appliedIndex()).toBe(2);
  });
});

describe("submit", () => {
  it("makes a task pending that may run at once", async () => {
    const given = definition("a", { traceparent: "00-1" });
    await log.append(submit(given));
    const { traceparent, deadlineMs, ...shown } = given;
    expect([traceparent, deadlineMs]).toEqual(["00-1", 0]);
    expect(await task("a")).toEqual({
      ...shown,
      status: TaskStatus.PENDING,
      deadlineAtMs: undefined,
      waitsFor: [],
      attempts: 0,
      startedAtMs: undefined,
      finishedAtMs: undefined,
      workerId: "",
      fence: 0,
      result: undefined,
      error: undefined,
      progress: undefined,
      history: [],
    });
    expect((await log.reader.getDefinitions(["a", "x"])).get("a")).toEqual(given);
  });

  it("schedules a task whose time is to come", async () => {
    await log.append(submit(definition("later", { runAtMs: AT_MS + 1 })));
    expect((await task("later")).status).toBe(TaskStatus.SCHEDULED);
    expect(await log.reader.nextScheduledAtMs()).toBe(AT_MS + 1);
  });

  it("keeps large data and text of any script whole", async () => {
    const data = JSON.stringify("héllo 💡 ".repeat(20_000));
    await log.append(submit(definition("aufgabe-ä💡", { data, queue: "späße:1" })));
    expect(await task("aufgabe-ä💡")).toMatchObject({ data, queue: "späße:1" });
    expect(await log.reader.pendingQueues()).toEqual([
      { queue: "späße:1", priority: 5, pending: 1 },
    ]);
  });

  it("keeps its state readable whatever the length of a queue's name", async () => {
    const queue = "q".repeat(70_000);
    await log.append([submit(definition("a", { queue })), assign(["a"])]);
    expect(await task("a")).toMatchObject({ queue, status: TaskStatus.RUNNING });
  });

  it("leaves a known id alone and reports it, in the same entry too", async () => {
    await log.append(submit("a"));
    const outcome = await log.append(submit(definition("a", { data: "2" }), "b", "b"));
    expect(outcome.duplicates).toEqual([
      { id: "a", existingId: "a" },
      { id: "b", existingId: "b" },
    ]);
    expect((await task("a")).data).toBe('"Hello World"');
  });

  it("numbers tasks by entry and position, through all submissions of an entry", async () => {
    await log.append([submit("a", "b"), submit("c")]);
    const head = await log.reader.pendingHead({ queue: "default", priority: 5, limit: 9 });
    expect(head.map(({ id, sequence }) => [id, sequence])).toEqual([
      ["a", taskSequence(1, 0)],
      ["b", taskSequence(1, 1)],
      ["c", taskSequence(1, 2)],
    ]);
  });

  it("keeps sequences exact at high log indexes", async () => {
    const index = 2 ** 39 - 1;
    await redis.set(log.keys.applied, `${index - 1} 1`);
    await log.applier.apply([entry(index, [submit("a", "b")])]);
    const head = await log.reader.pendingHead({
      queue: "default",
      priority: 5,
      afterSequence: taskSequence(index, 0),
      limit: 9,
    });
    expect(head.map(({ id, sequence }) => [id, sequence])).toEqual([["b", taskSequence(index, 1)]]);
  });

  it("takes the most tasks that an entry may hold", async () => {
    const ids = Array.from({ length: MAX_TASKS_PER_ENTRY }, (_, i) => `t${i}`);
    await log.append(submit(...ids));
    expect((await log.reader.counts()).pending).toBe(MAX_TASKS_PER_ENTRY);
  });
});

describe("an idempotency key", () => {
  const keyed = (id: string) => definition(id, { idempotencyKey: "order-1" });

  it("stands for its first task within the window", async () => {
    await log.append(submit(keyed("a")));
    const outcome = await log.append(submit(keyed("b")), AT_MS + IDEMPOTENCY_WINDOW_MS - 1);
    expect(outcome.duplicates).toEqual([{ id: "b", existingId: "a" }]);
    expect(await log.reader.getTask("b")).toBeUndefined();
    expect(await log.reader.idempotent(["order-1", "x"], AT_MS)).toEqual(
      new Map([["order-1", "a"]]),
    );
  });

  it("is free again after the window", async () => {
    await log.append(submit(keyed("a")));
    const later = AT_MS + IDEMPOTENCY_WINDOW_MS;
    expect(await log.reader.idempotent(["order-1"], later)).toEqual(new Map());
    const outcome = await log.append(submit(keyed("b")), later);
    expect(outcome.duplicates).toEqual([]);
    expect(await log.reader.idempotent(["order-1"], later)).toEqual(new Map([["order-1", "b"]]));
  });

  it("is removed when it is over and others come", async () => {
    const others = ["k1", "k2", "k3"].map((key) => definition(key, { idempotencyKey: key }));
    await log.append(submit(...others));
    await log.append(submit(keyed("a"), definition("b", { idempotencyKey: "k" })), AT_MS * 2);
    expect(await redis.exists(...["k1", "k2", "k3"].map((key) => log.keys.idempotent(key)))).toBe(
      0,
    );
  });
});

describe("assign", () => {
  it("makes pending tasks run with the entry's index as their fence", async () => {
    await log.append(submit("a", "b"));
    const outcome = await log.append(assign(["a", "b"]), AT_MS + 5);
    expect(outcome.contradictions).toEqual([]);
    expect(await task("a")).toMatchObject({
      status: TaskStatus.RUNNING,
      attempts: 1,
      workerId: "node-1",
      fence: 2,
      startedAtMs: AT_MS + 5,
    });
    expect(await log.reader.pendingQueues()).toEqual([]);
  });

  it("works in the entry that submits", async () => {
    await log.append([submit("a"), assign(["a"])]);
    expect((await task("a")).status).toBe(TaskStatus.RUNNING);
    expect(await log.reader.counts()).toMatchObject({ pending: 0, running: 1 });
  });

  it("takes a scheduled task that is due, and no other", async () => {
    await log.append(submit(definition("due", { runAtMs: AT_MS + 10 })));
    const early = await log.append(assign(["due"]), AT_MS + 9);
    expect(early.contradictions).toEqual([{ id: "due", reason: "not-due" }]);
    await log.append(assign(["due"]), AT_MS + 10);
    expect((await task("due")).status).toBe(TaskStatus.RUNNING);
    expect(await log.reader.nextScheduledAtMs()).toBeUndefined();
  });

  it("reports tasks that cannot be assigned as contradictions", async () => {
    await log.append([submit("running", "ended"), assign(["running"]), cancel("ended")]);
    const outcome = await log.append(assign(["running", "ended", "unknown"], { nodeId: "node-2" }));
    expect(outcome.contradictions).toEqual([
      { id: "running", reason: "running" },
      { id: "ended", reason: "ended" },
      { id: "unknown", reason: "not-found" },
    ]);
    expect((await task("running")).workerId).toBe("node-1");
  });
});
