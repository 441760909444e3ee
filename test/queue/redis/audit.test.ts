// The audit of Redis: silent where all is well, and not where something was tampered with.
import fc from "fast-check";
import type { Redis } from "ioredis";
import { describe, expect, it } from "vitest";
import { type AuditFinding, RedisAudit, type StoredRun } from "../../../src/queue/redis/audit.js";
import { CountingLost, RedisBehind } from "../../../src/queue/redis/errors.js";
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
  const onFinding = (finding: AuditFinding): unknown => findings.push(finding);
  // So few at a time that much changes in between.
  const walk = new RedisAudit({ redis, keys, onFinding, countedPerStep: 1 });
  const { signal } = new AbortController();
  const seen = await walk.walk(signal);
  await walk.counts(signal);
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
  it("looks at no Redis that lacks what it is held against", async () => {
    await oneOfEach();
    const walkOf = (shows: number) =>
      new RedisAudit({ redis, keys, shows, onFinding: () => undefined }).walk(
        new AbortController().signal,
      );
    expect((await walkOf(1)).tasks).toBe(6);
    await expect(walkOf(2)).rejects.toThrow(RedisBehind);
  });

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

  it("finds no wrong count while a log goes on", { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(randomLog, fc.nat(), async (entries, at) => {
        await redis.flushall();
        const fresh = new AppliedLog(redis, "test");
        const start = at % entries.length;
        await fresh.applier.apply(entries.slice(0, start));

        const found: AuditFinding[] = [];
        const onFinding = (finding: AuditFinding): unknown => found.push(finding);
        const walk = new RedisAudit({ redis, keys, onFinding, countedPerStep: 1 });
        const counted = walk.counts(new AbortController().signal);
        // Each call has its turn between two steps of the count.
        for (const entry of entries.slice(start)) await fresh.applier.apply([entry]);
        await counted;

        expect(found).toEqual([]);
        expect(await redis.exists(`${keys.prefix}counting`, `${keys.prefix}counting:tasks`)).toBe(
          0,
        );
      }),
      { numRuns: 60 },
    );
  });

  it("counts anew where what it counted is lost, and says so where it is lost again", async () => {
    await oneOfEach();
    const countLosing = async (losses: number): Promise<void> => {
      const client = redis.duplicate();
      const call = client.callBuffer.bind(client);
      Object.assign(client, {
        callBuffer: async (command: string, ...args: string[]) => {
          const reply = await call(command, ...args);
          // Of a step of the count: nothing of it is left.
          if (Array.isArray(reply) && losses-- > 0) await redis.del(`${keys.prefix}counting`);
          return reply;
        },
      });
      const walk = new RedisAudit({ redis: client, keys, onFinding: () => undefined });
      await walk.counts(new AbortController().signal).finally(() => client.disconnect());
    };

    await expect(countLosing(1)).resolves.toBeUndefined();
    await expect(countLosing(9)).rejects.toThrow(CountingLost);
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
      "a count that is too high",
      (r) => r.zincrby(keys.counts("default"), 2, "4"),
      " 3 completed tasks are counted in the queue default, which has 1",
    ],
    [
      "a count that is missing",
      (r) => r.zrem(keys.counts("default"), "6"),
      " 0 dead tasks are counted in the queue default, which has 1",
    ],
    [
      "a count that stands at another queue",
      (r) => r.multi().zadd(keys.queues, 0, "mail").zadd(keys.counts("mail"), 1, "1").exec(),
      " 1 scheduled tasks are counted in the queue mail, which has 0",
    ],
    [
      "a queue that is not listed",
      (r) => r.zrem(keys.queues, "default"),
      "p is of the queue default, which is not listed",
    ],
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
