// The audit of Redis: silent where all is well, and not where something was tampered with.
import fc from "fast-check";
import type { Redis } from "ioredis";
import { describe, expect, it } from "vitest";
import { type AuditFinding, RedisAudit, type StoredRun } from "../../../src/queue/redis/audit.js";
import { RedisKeys } from "../../../src/queue/redis/keys.js";
import {
  AppliedLog,
  assign,
  AT_MS,
  cancel,
  completed,
  dead,
  definition,
  finish,
  submit,
} from "./applied-log.js";
import { withFreshRedis } from "./fresh-redis.js";
import { randomLog } from "./random-log.js";

let log: AppliedLog;
let redis: Redis;
withFreshRedis((freshRedis, freshLog) => {
  redis = freshRedis;
  log = freshLog;
});

const keys = new RedisKeys("test");

async function audit(): Promise<{ found: string[]; tasks: number; running: readonly StoredRun[] }> {
  const findings: AuditFinding[] = [];
  const walk = new RedisAudit({ redis, keys, onFinding: (finding) => findings.push(finding) });
  const seen = await walk.walk(new AbortController().signal);
  return { found: findings.map(({ taskId, text }) => `${taskId} ${text}`), ...seen };
}

const LARGE = JSON.stringify("x".repeat(2_000));

/** A task in every state: p pending, s scheduled, r running, c completed, d dead, x cancelled. */
const oneOfEach = (): Promise<unknown> =>
  log.append([
    submit("p", definition("s", { runAtMs: AT_MS + 1_000 }), "r", "c", "d", "x"),
    assign(["r", "c", "d"]),
    finish(completed("c", 1, LARGE), dead("d", 1)),
    cancel("x"),
  ]);

describe("the audit", () => {
  it("finds nothing in what any log has made, and sees what runs", async () => {
    await fc.assert(
      fc.asyncProperty(randomLog, async (entries) => {
        await redis.flushall();
        const fresh = new AppliedLog(redis, "test");
        await fresh.applier.apply(entries);

        expect((await audit()).found).toEqual([]);
      }),
      { numRuns: 30 },
    );
    await redis.flushall();
    await new AppliedLog(redis, "test").append([submit("a", "b"), assign(["a"])]);
    expect(await audit()).toEqual({
      found: [],
      tasks: 2,
      running: [{ taskId: "a", nodeId: "node-1", fence: 1, changedIndex: 1 }],
    });
  });

  it("takes a mesh's name for what it is, not for a pattern", async () => {
    const odd = new RedisKeys("a[b]*");
    await redis.set(odd.task("t"), "no state of ours");
    const other = new RedisAudit({ redis, keys: new RedisKeys("ab"), onFinding: () => undefined });

    expect((await other.walk(new AbortController().signal)).tasks).toBe(0);
  });

  it.each<[string, (r: Redis) => Promise<unknown>, string]>([
    ["a task in no list", (r) => r.zrem(keys.all, "p"), "p is missing in the set all"],
    [
      "a pending task in no lane",
      (r) => r.zrem(keys.lane("5:default"), "p"),
      "p is missing in the set pending:5:default",
    ],
    [
      "a lane that is not listed",
      (r) => r.zrem(keys.lanes, "5:default"),
      "p is pending in the lane 5:default, which is not listed",
    ],
    [
      "a task in two places",
      (r) => r.zadd(keys.completed, 1, "r"),
      "r is running, and listed in completed",
    ],
    [
      "a scheduled task that is never due",
      (r) => r.zrem(keys.due, "s"),
      "s is missing in the set due",
    ],
    [
      "a scheduled task that is due at another time",
      (r) => r.zadd(keys.due, 5, "s"),
      `s stands at 5 in the set due, not at ${AT_MS + 1_000}`,
    ],
    [
      "a task that is no more",
      (r) => r.del(keys.task("x")),
      "x is listed in cancelled, and is no task",
    ],
    [
      "a dead task that would be kept for ever",
      (r) => r.zrem(keys.endedDead, "d"),
      "d is missing in the set ended:dead",
    ],
    ["a result that is gone", (r) => r.del(keys.result("c")), "c has lost its result"],
    [
      "a state that is newer than what is applied",
      (r) => r.set(keys.applied, "0 1 0"),
      "p was changed by entry 1, past the last one applied",
    ],
  ])("finds %s", async (_, tamper, expected) => {
    await oneOfEach();
    expect((await audit()).found).toEqual([]);

    await tamper(redis);

    expect((await audit()).found).toContain(expected);
  });
});
