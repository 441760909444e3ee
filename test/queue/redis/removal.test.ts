// What is removed of ended tasks, and that nothing of theirs is left.
import type { Redis } from "ioredis";
import { describe, expect, it } from "vitest";
import { TaskStatus } from "../../../src/gen/mesh/v1/task.js";
import {
  type AppliedLog,
  assign,
  AT_MS,
  cancel,
  completed,
  dead,
  definition,
  drop,
  expire,
  finish,
  retry,
  settle,
  submit,
} from "./applied-log.js";
import { withFreshRedis } from "./fresh-redis.js";

let log: AppliedLog;
let redis: Redis;
withFreshRedis((freshRedis, freshLog) => {
  redis = freshRedis;
  log = freshLog;
});

const LARGE = JSON.stringify("x".repeat(2_000));
const ids = async (status: TaskStatus) =>
  (await log.reader.list({ status, limit: 100 })).tasks.map(({ id }) => id).sort();
/** Keys that name a task. */
const keysOf = async (id: string) =>
  (await redis.keys("*")).filter((key) => key.endsWith(`:${id}`));
const rule = (status: TaskStatus, endedBeforeMs: number, maxCount = 1_000) => ({
  status,
  endedBeforeMs,
  maxCount,
});

describe("drop", () => {
  it("removes dead tasks with all that is theirs, and no others", async () => {
    await log.append([
      submit(definition("a", { data: LARGE }), "b", "c"),
      assign(["a", "b"]),
      finish(dead("a", 1), completed("b", 1)),
    ]);

    await log.append(drop("a", "b", "c", "unknown", "a"));

    expect(await log.reader.getTask("a")).toBeUndefined();
    expect(await keysOf("a")).toEqual([]);
    expect(await ids(TaskStatus.DEAD)).toEqual([]);
    expect((await log.reader.list({ limit: 10 })).tasks.map(({ id }) => id)).toEqual(["c", "b"]);
    expect(await log.reader.counts()).toMatchObject({ dead: 0, completed: 1, pending: 1 });
  });

  it("leaves a task alone until those that wait for it know that it is dead", async () => {
    await log.append([submit("a", definition("b", { after: ["a"] })), assign(["a"])]);
    await log.append([
      finish(dead("a", 1)),
      drop("a"),
      expire(10, rule(TaskStatus.DEAD, 2 * AT_MS)),
    ]);
    expect(await ids(TaskStatus.DEAD)).toEqual(["a"]);

    await log.append([settle(10), drop("a")]);

    expect(await ids(TaskStatus.DEAD)).toEqual([]);
    expect((await log.reader.getTask("b"))?.status).toBe(TaskStatus.CANCELLED);
  });

  it("sees what the same entry did before", async () => {
    await log.append([submit("a", "b"), assign(["a", "b"]), finish(dead("a", 1), dead("b", 1))]);

    await log.append([retry("a"), drop("a", "b"), submit("b")]);

    expect(await ids(TaskStatus.PENDING)).toEqual(["a", "b"]);
    expect(await log.reader.counts()).toMatchObject({ dead: 0, pending: 2 });
  });
});

describe("expire", () => {
  const end = (id: string, fence: number, finishedAtMs: number) => ({
    ...completed(id, fence, LARGE),
    finishedAtMs,
  });
  async function endedAt(...times: readonly number[]): Promise<void> {
    const names = times.map((_, i) => `t${i}`);
    await log.append([submit(...names), assign(names)]);
    await log.append(finish(...times.map((ms, i) => end(`t${i}`, 1, AT_MS + ms))));
  }

  it("removes what ended before the time of its rule, with its large result", async () => {
    await endedAt(30, 10, 20);

    await log.append(expire(10, rule(TaskStatus.COMPLETED, AT_MS + 20)));

    expect(await ids(TaskStatus.COMPLETED)).toEqual(["t0", "t2"]);
    expect(await keysOf("t1")).toEqual([]);
  });

  it("removes the first to end where there are more than its rule keeps", async () => {
    await endedAt(30, 10, 20, 40);

    await log.append(expire(10, rule(TaskStatus.COMPLETED, 0, 1)));

    expect(await ids(TaskStatus.COMPLETED)).toEqual(["t3"]);
  });

  it("removes no more than its limit over all rules, and goes on where it is asked again", async () => {
    await endedAt(10, 20, 30);
    await log.append([submit("c"), cancel("c")]);
    const rules = [rule(TaskStatus.COMPLETED, AT_MS + 99), rule(TaskStatus.CANCELLED, AT_MS + 99)];

    await log.append(expire(2, ...rules));
    expect(await ids(TaskStatus.COMPLETED)).toEqual(["t2"]);
    await log.append(expire(2, ...rules));

    expect(await redis.keys("*:task:*")).toEqual([]);
    expect(await log.reader.ended()).toEqual(
      [TaskStatus.COMPLETED, TaskStatus.DEAD, TaskStatus.CANCELLED].map((status) => ({
        status,
        count: 0,
        oldestMs: undefined,
      })),
    );
  });

  it("never touches a task that was retried or has not ended", async () => {
    await log.append([submit("a", "b"), cancel("a")]);
    await log.append([retry("a"), expire(9, rule(TaskStatus.CANCELLED, AT_MS + 99))]);

    expect(await ids(TaskStatus.PENDING)).toEqual(["a", "b"]);
  });

  it("counts a task that was retried and ended another way in one entry by its new end alone", async () => {
    await log.append([submit("a"), assign(["a"]), finish(dead("a", 1))]);
    await log.append([retry("a"), cancel("a")]);

    const ended = (await log.reader.ended()).map(({ status, count }) => [status, count]);
    expect(ended).toContainEqual([TaskStatus.DEAD, 0]);
    expect(ended).toContainEqual([TaskStatus.CANCELLED, 1]);
  });

  it("leaves an idempotency key in force until its window ends", async () => {
    await log.append([submit(definition("a", { idempotencyKey: "k" })), cancel("a")]);
    await log.append(expire(9, rule(TaskStatus.CANCELLED, AT_MS + 99)));

    const again = await log.append(submit(definition("b", { idempotencyKey: "k" })));

    expect(again.duplicates).toEqual([{ id: "b", existingId: "a" }]);
  });
});
