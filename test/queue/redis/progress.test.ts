// Progress of running tasks is kept beside what the log decides, and only where the fence is theirs.
import type { Redis } from "ioredis";
import { describe, expect, it } from "vitest";
import { ProgressWriter } from "../../../src/queue/redis/progress-writer.js";
import { waitFor } from "../../support/wait-for.js";
import { type AppliedLog, assign, dead, drop, finish, retry, submit } from "./applied-log.js";
import { taskOf, withFreshRedis } from "./fresh-redis.js";

let log: AppliedLog;
let redis: Redis;
withFreshRedis((freshRedis, freshLog) => {
  redis = freshRedis;
  log = freshLog;
});

/** Hands progress to a writer, and waits until a last one, of a task that runs, is there. */
async function keep(...all: readonly (readonly [string, number, number])[]): Promise<void> {
  const writer = new ProgressWriter(redis, log.keys);
  const fence = (await taskOf(log, "mark")).fence;
  const mark = Math.random() * 100;
  for (const [taskId, taskFence, percent] of [...all, ["mark", fence, mark] as const]) {
    writer.keep([{ taskId, fence: taskFence, percent }]);
  }
  await waitFor("it is written", async () => (await taskOf(log, "mark")).progress === mark);
}

describe("progress", () => {
  it("is shown of a running attempt, the newest of it", async () => {
    await log.append([submit("a", "mark"), assign(["a", "mark"])]);

    await keep(["a", 1, 10], ["a", 1, 62.5]);

    expect((await taskOf(log, "a")).progress).toBe(62.5);
  });

  it("with another fence or of no task is dropped; the last one may come after the end", async () => {
    await log.append([submit("a", "b", "mark"), assign(["a", "b", "mark"])]);
    await log.append(finish(dead("b", 1)));

    await keep(["a", 7, 10], ["b", 1, 20], ["unknown", 1, 30]);

    expect((await taskOf(log, "a")).progress).toBeUndefined();
    expect((await taskOf(log, "b")).progress).toBe(20);
    expect(await redis.exists(log.keys.progress("unknown"))).toBe(0);
  });

  it("of an attempt is not that of the next one, and goes with the task", async () => {
    await log.append([submit("a", "mark"), assign(["a", "mark"])]);
    await keep(["a", 1, 50]);
    await log.append(finish(dead("a", 1)));
    expect((await taskOf(log, "a")).progress).toBe(50);

    await log.append(retry("a"));
    await log.append(assign(["a"]));
    expect((await taskOf(log, "a")).progress).toBeUndefined();

    await log.append(finish(dead("a", 4)));
    await log.append(drop("a"));
    expect(await redis.exists(log.keys.progress("a"))).toBe(0);
  });
});
