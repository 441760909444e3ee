// Tasks that lose their node again and again, through the commands that the leader makes of it: when
// they go on, and how they end.
import { describe, expect, it } from "vitest";
import { TaskStatus } from "../../../src/gen/mesh/v1/task.js";
import { endingOfLoss, type Loss } from "../../../src/queue/task/attempt-ending.js";
import { runningTask } from "../../support/queue-fixtures.js";
import { type AppliedLog, AT_MS, assign, finish, promote, retry, submit } from "./applied-log.js";
import { taskOf, withFreshRedis } from "./fresh-redis.js";

const RULES = { maxLosses: 3, maxLapses: 5, delayMs: 100, maxDelayMs: 250 };

let log: AppliedLog;
let nowMs = AT_MS;

withFreshRedis((_, freshLog) => {
  log = freshLog;
  nowMs = AT_MS;
});

/** Gives the pending task to a node and takes it away again; how long it then waits, "dead" for ever. */
async function lose(loss: Loss): Promise<number | "dead"> {
  const [head] = await log.reader.pendingHead({ queue: "default", priority: 5, limit: 1 });
  if (head === undefined) throw new Error("nothing is pending");
  await log.append(assign([head.id]), nowMs);
  const { fence } = await taskOf(log, head.id);
  const { losses, lapses } = head;
  const running = runningTask(head.id, fence, { losses, lapses });
  const ending = endingOfLoss(running, loss, { losses: RULES, nowMs, random: () => 0 }, "gone");
  if (ending.kind === "finish") {
    await log.append(finish(ending.finish), nowMs);
    return "dead";
  }
  await log.append({ $case: "release", value: { releases: [ending.release] } }, nowMs);
  const waitMs = Math.max(0, ending.release.runAtMs - nowMs);
  nowMs += waitMs;
  await log.append(promote(1), nowMs);
  return waitMs;
}

async function loseAll(loss: Loss, times: number): Promise<(number | "dead")[]> {
  const waits: (number | "dead")[] = [];
  for (let at = 0; at < times; at += 1) waits.push(await lose(loss));
  return waits;
}

describe("a task that loses its node again and again", () => {
  it("is dead as soon as it may be what ends them", async () => {
    await log.append(submit("poison"));

    expect(await loseAll("gone", RULES.maxLosses)).toEqual([0, 100, "dead"]);

    expect(await taskOf(log, "poison")).toMatchObject({
      status: TaskStatus.DEAD,
      error: {
        name: "NodeLost",
        message: expect.stringMatching(
          /^3 nodes or handler hosts were lost while they ran it; /,
        ) as unknown,
      },
    });
  });

  it("goes on, ever more slowly, while its nodes only run out of time", async () => {
    await log.append(submit("unlucky"));

    expect(await loseAll("lapsed", 4)).toEqual([0, 100, 200, 250]);
    expect(await loseAll("gone", 2)).toEqual([250, 250]);

    expect((await taskOf(log, "unlucky")).status).toBe(TaskStatus.PENDING);
  });

  it("is dead at last where every node that gets it runs out of time", async () => {
    await log.append(submit("blocker"));

    expect((await loseAll("lapsed", RULES.maxLapses)).at(-1)).toBe("dead");

    expect((await taskOf(log, "blocker")).error?.message).toBe(
      "its node let the lease run out 5 times while it ran",
    );
  });

  it("begins anew with a retry", async () => {
    await log.append(submit("poison"));
    await loseAll("gone", RULES.maxLosses);

    await log.append(retry("poison"), nowMs);

    expect(await loseAll("lapsed", 1)).toEqual([0]);
    expect(await loseAll("gone", RULES.maxLosses)).toEqual([100, 200, "dead"]);
  });
});
