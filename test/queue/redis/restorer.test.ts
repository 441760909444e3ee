// A snapshot in a Redis that was emptied or has lost too much: whatever ends the loading midway, what
// comes out in the end is the state of the snapshot.
import fc from "fast-check";
import type { Redis } from "ioredis";
import { describe, expect, it } from "vitest";
import { TaskStatus } from "../../../src/gen/mesh/v1/task.js";
import { NOT_WHOLE } from "../../../src/queue/redis/applied-value.js";
import { type AuditFinding, RedisAudit } from "../../../src/queue/redis/audit.js";
import { type DumpPiece, RedisDump } from "../../../src/queue/redis/dump.js";
import { AppliedIndexMismatch, RestoreInterrupted } from "../../../src/queue/redis/errors.js";
import { QueueReader } from "../../../src/queue/redis/queue-reader.js";
import { RedisRestorer } from "../../../src/queue/redis/restorer.js";
import {
  assign,
  completed,
  dead,
  definition,
  entry,
  expire,
  finish,
  retry,
  settle,
  submit,
} from "./applied-log.js";
import { taskOf } from "./fresh-redis.js";
import { randomLog } from "./random-log.js";
import { type LoggedRedis, stateOf, withTwoRedis } from "./stored-content.js";

const fresh = withTwoRedis();
const never = new AbortController().signal;

async function piecesOf({ redis, log }: LoggedRedis, maxItemsPerPiece = 2): Promise<DumpPiece[]> {
  const dump = await RedisDump.begin({ redis, keys: log.keys, maxItemsPerPiece });
  const pieces: DumpPiece[] = [];
  if (dump !== undefined) for await (const piece of dump.pieces()) pieces.push(piece);
  return pieces;
}

function restore(
  { redis, log }: LoggedRedis,
  content: Iterable<DumpPiece> | AsyncIterable<DumpPiece>,
  { index = 10, found = 0, leaderTerm = 5 } = {},
): Promise<void> {
  const source = { index, term: 1, content };
  const options = { found, leaderTerm, signal: never };
  return new RedisRestorer(redis, log.keys).restore(source, options);
}

/** A client that breaks at its n-th script call, before or after the call is done. */
function breaking(redis: Redis, call: number, isDone: boolean): Redis {
  let calls = 0;
  return new Proxy(redis, {
    get(target, name) {
      if (name !== "callBuffer") return Reflect.get(target, name) as unknown;
      return async (...args: Parameters<Redis["callBuffer"]>): Promise<unknown> => {
        const breaks = calls++ === call;
        if (breaks && !isDone) throw new Error("connection lost");
        const reply = await target.callBuffer(...args);
        if (breaks) throw new Error("connection lost");
        return reply;
      };
    },
  });
}

/** What an audit has against it. */
async function contradictionsIn({ redis, log }: LoggedRedis): Promise<AuditFinding[]> {
  const found: AuditFinding[] = [];
  const audit = new RedisAudit({ redis, keys: log.keys, onFinding: (one) => found.push(one) });
  await audit.walk(never);
  await audit.counts(never);
  return found;
}

async function everyKey(redis: Redis): Promise<Map<string, string>> {
  const keys = (await redis.keys("*")).sort();
  const values = await Promise.all(keys.map((key) => redis.dumpBuffer(key)));
  return new Map(keys.map((key, i) => [key, values[i]?.toString("hex") ?? ""]));
}

/** Ten entries: tasks of every state, with large data and with keys. */
async function someTasks(one: LoggedRedis): Promise<void> {
  const { log } = one;
  const large = definition("large", { data: JSON.stringify("large".repeat(500)) });
  const keyed = definition("keyed", { idempotencyKey: "k" });
  await log.append(submit("a", "b", "c", "d", large, keyed));
  await log.append(submit(definition("later", { runAtMs: 9_000_000_000_000 })));
  await log.append(assign(["a", "b", "c"]));
  await log.append(finish(completed("a", 3), dead("b", 3)));
  for (let index = 5; index <= 10; index++) await log.append(submit(`more${index}`));
}

describe("restoring Redis from a snapshot", () => {
  it("gives the state of the snapshot, in an empty Redis and in one that is behind", async () => {
    await fc.assert(
      fc.asyncProperty(randomLog, fc.nat(59), fc.nat(59), async (log, to, from) => {
        const index = Math.min(to, log.length);
        const behind = Math.min(from, index);
        const one = await fresh(0);
        await one.log.applier.apply(log.slice(0, index));
        const content = await piecesOf(one);
        const other = await fresh(1);
        await other.log.applier.apply(log.slice(0, behind));
        const endedBefore = await other.redis.zrange(other.log.keys.completed, 0, "-1");

        await restore(other, content, { index, found: behind });

        const [expected, found] = [await stateOf(one), await stateOf(other)];
        expect([...found.tasks].sort()).toEqual([...expected.tasks].sort());
        expect([...found.keys].sort()).toEqual([...expected.keys].sort());
        expect(await other.log.applier.appliedIndex()).toBe(index);
        expect(await other.log.reader.nextScheduledAtMs()).toBe(
          await one.log.reader.nextScheduledAtMs(),
        );
        expect(await other.log.reader.pendingQueues()).toEqual(
          await one.log.reader.pendingQueues(),
        );
        // What was completed stays, unless it was removed since and submitted anew.
        const kept = await other.redis.zrange(other.log.keys.completed, 0, "-1");
        const others = (ids: readonly string[]) => ids.filter((id) => !expected.tasks.has(id));
        expect(others(kept)).toEqual(others(endedBefore));
        expect(await contradictionsIn(other)).toEqual([]);
        for (const key of ["deadlines", "settling"] as const) {
          const [there, restored] = await Promise.all(
            [one, other].map(({ redis, log: { keys } }) =>
              redis.zrange(keys[key], 0, "-1", "WITHSCORES"),
            ),
          );
          expect(restored).toEqual(there);
        }
      }),
      { numRuns: 100 },
    );
  });

  it("brings a task that has completed, with its result, where another one does not know yet", async () => {
    const one = await fresh(0);
    const result = JSON.stringify("x".repeat(5_000));
    await one.log.append(submit("first", definition("second", { after: ["first"] })));
    await one.log.append(assign(["first"]));
    await one.log.append(finish(completed("first", 2, result)));
    const content = await piecesOf(one);
    const other = await fresh(1);

    await restore(other, content, { index: 3 });

    expect((await taskOf(other.log, "first")).result).toBe(result);
    expect(await other.redis.dumpBuffer(other.log.keys.task("first"))).toEqual(
      await one.redis.dumpBuffer(one.log.keys.task("first")),
    );
    await other.log.applier.apply([entry(4, [settle()])]);
    expect((await taskOf(other.log, "second")).status).toBe(TaskStatus.PENDING);
    expect(await contradictionsIn(other)).toEqual([]);
  });

  it("puts a task in the place of a completed one of its id, wherever that was", async () => {
    const [one, other] = [await fresh(0), await fresh(1)];
    const first = [
      entry(1, [submit("again")]),
      entry(2, [assign(["again"])]),
      entry(3, [finish(completed("again", 2, JSON.stringify("x".repeat(5_000))))]),
    ];
    await one.log.applier.apply(first);
    await other.log.applier.apply(first);
    const all = { status: TaskStatus.COMPLETED, endedBeforeMs: 9_000_000_000_000, maxCount: 0 };
    const second = submit(definition("again", { queue: "mail" }));
    await one.log.applier.apply([entry(4, [expire(9, all)]), entry(5, [second])]);

    await restore(other, await piecesOf(one), { index: 5, found: 3 });

    expect(await contradictionsIn(other)).toEqual([]);
    expect((await taskOf(other.log, "again")).result).toBeUndefined();
    const names = await new QueueReader(other.redis, other.log.keys).names("", 9);
    expect(names).toEqual(["default", "mail"]);
  });

  it("lets the log go on: dead tasks are run again, and attempts under way can end", async () => {
    const one = await fresh(0);
    await someTasks(one);
    const content = await piecesOf(one);
    const other = await fresh(1);
    await restore(other, content);
    const rest = [
      entry(11, [retry("b"), finish(completed("c", 3))]),
      entry(12, [assign(["b", "large"])]),
    ];

    for (const { log } of [one, other]) await log.applier.apply(rest);

    expect([...(await stateOf(other)).tasks]).toEqual([...(await stateOf(one)).tasks]);
    expect((await other.log.reader.getTask("c"))?.status).toBe(4);
    expect((await other.log.reader.getTask("large"))?.data).toContain("largelarge");
  });

  it("is begun again, and right, wherever it broke", { timeout: 60_000 }, async () => {
    const one = await fresh(0);
    await someTasks(one);
    const content = await piecesOf(one);
    const whole = await fresh(1);
    await restore(whole, content);
    const expected = await everyKey(whole.redis);

    let breaks = 0;
    for (let call = 0; ; call++) {
      for (const isDone of [false, true]) {
        const other = await fresh(1);
        const redis = breaking(other.redis, call, isDone);
        const first = await restore({ ...other, redis }, content).catch((error: unknown) => error);
        if (first === undefined) {
          expect(breaks).toBeGreaterThan(20);
          return;
        }
        breaks += 1;
        const found = await other.log.applier.appliedIndex();
        if (found === NOT_WHOLE) {
          const late = other.log.applier.apply([entry(1, [submit("x")])]);
          await expect(late).rejects.toMatchObject({ applied: NOT_WHOLE });
        }
        if (found !== 10) await restore(other, content, { found });
        expect(await everyKey(other.redis)).toEqual(expected);
      }
    }
  });

  it.each(["emptied", "lost its last step", "taken over by a later leader"] as const)(
    "ends where Redis is not as the last step left it: %s",
    async (change) => {
      const one = await fresh(0);
      await someTasks(one);
      const content = await piecesOf(one);
      const other = await fresh(1);
      const disturbed = async function* (): AsyncGenerator<DumpPiece> {
        for (const [at, piece] of content.entries()) {
          if (at === 2 && change === "emptied") await other.redis.flushall();
          if (at === 2 && change === "lost its last step") {
            await other.redis.hincrby(other.log.keys.restoring, "step", -1);
          }
          if (at === 2 && change === "taken over by a later leader") {
            await restore(other, content, { found: NOT_WHOLE, leaderTerm: 6 });
          }
          yield piece;
        }
      };

      await expect(restore(other, disturbed())).rejects.toThrow(RestoreInterrupted);

      const found = await other.log.applier.appliedIndex();
      if (change !== "taken over by a later leader") await restore(other, content, { found });
      expect([...(await stateOf(other)).tasks]).toEqual([...(await stateOf(one)).tasks]);
    },
  );

  it("is refused to a leader of an earlier term, and where entries were applied meanwhile", async () => {
    const one = await fresh(0);
    await someTasks(one);
    const content = await piecesOf(one);

    await expect(restore(one, content, { found: 3 })).rejects.toThrow(RestoreInterrupted);
    await one.redis.hset(one.log.keys.restoring, "term", 7, "token", "other", "step", 0);
    const late = restore(one, content, { found: NOT_WHOLE, leaderTerm: 6 });
    await expect(late).rejects.toThrow(RestoreInterrupted);
    await expect(one.log.applier.apply([entry(11, [])])).rejects.toThrow(AppliedIndexMismatch);
  });
});
