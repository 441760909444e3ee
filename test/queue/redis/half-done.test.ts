// A script that dies in its middle, whatever ends it: what it left is known for that, to whoever looks, and
// a restore makes of it what the log says, byte for byte.
import fc from "fast-check";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { NOT_WHOLE } from "../../../src/queue/redis/applied-value.js";
import { type AuditFinding, RedisAudit } from "../../../src/queue/redis/audit.js";
import { auditCounts } from "../../../src/queue/redis/count-audit.js";
import { type DumpPiece, RedisDump } from "../../../src/queue/redis/dump.js";
import {
  AppliedIndexMismatch,
  CountingLost,
  ForeignQueue,
  RedisRefused,
  toRedisError,
} from "../../../src/queue/redis/errors.js";
import { RedisApplier } from "../../../src/queue/redis/applier.js";
import { RedisRestorer } from "../../../src/queue/redis/restorer.js";
import { AppliedLog, assign, completed, definition, entry, finish, submit } from "./applied-log.js";
import { randomLog } from "./random-log.js";
import { type LoggedRedis, withTwoRedis } from "./stored-content.js";

const never = new AbortController().signal;
const USER = "worker";
/** All that the script of a batch writes with. */
const WRITES = [
  ...["set", "mset", "del", "unlink", "zadd", "zrem", "zincrby", "xadd", "publish"],
  ...["rpush", "hset", "hsetnx", "pexpire"],
];

const fresh = withTwoRedis();
let client: Redis;
/** The second Redis, as a user sees it who may not do all. */
let limited: LoggedRedis;
let admin: Redis;

beforeAll(async () => {
  admin = (await fresh(1)).redis;
  await allow("+@all");
  const { host = "", port = 0 } = admin.options;
  client = new Redis({ host, port, username: USER, password: "any" });
  limited = { redis: client, log: new AppliedLog(client, "test") };
});
afterAll(() => client.disconnect());

async function allow(...rules: string[]): Promise<void> {
  await admin.call("ACL", "SETUSER", USER, "on", "nopass", "~*", "&*", ...rules);
}

/** What Redis holds of the queue but for the stream of events, which keeps what it had. */
async function content({ redis, log: { keys } }: LoggedRedis): Promise<Map<string, string>> {
  const names = (await redis.keys("*")).filter((key) => key !== keys.events).sort();
  const values = await Promise.all(names.map((key) => redis.dumpBuffer(key)));
  const held = new Map(names.map((key, at) => [key, values[at]?.toString("hex") ?? ""]));
  const [index, term] = ((await redis.get(keys.applied)) ?? "").split(" ");
  return held.set(keys.applied, `${index} ${term}`);
}

async function snapshotOf({ redis, log }: LoggedRedis): Promise<DumpPiece[]> {
  const dump = await RedisDump.begin({ redis, keys: log.keys, maxItemsPerPiece: 3 });
  const pieces: DumpPiece[] = [];
  if (dump !== undefined) for await (const piece of dump.pieces()) pieces.push(piece);
  return pieces;
}

async function restoreTo(index: number, pieces: Iterable<DumpPiece>, found: number): Promise<void> {
  const restorer = new RedisRestorer(limited.redis, limited.log.keys);
  const source = { index, term: index === 0 ? 0 : 1, content: pieces };
  await restorer.restore(source, { found, leaderTerm: 2, signal: never });
}

async function contradictions(): Promise<AuditFinding[]> {
  const found: AuditFinding[] = [];
  const { redis, log } = limited;
  const audit = new RedisAudit({ redis, keys: log.keys, onFinding: (one) => found.push(one) });
  await audit.walk(never);
  await audit.counts(never);
  return found;
}

function ownedBy(redis: Redis, meshId: string, supersedes: readonly string[] = []) {
  const { keys } = new AppliedLog(redis, "test");
  const owner = () => ({ meshId, supersedes });
  const applier = new RedisApplier({ redis, keys, owner });
  return { applier, restorer: new RedisRestorer(redis, keys, owner) };
}

const keyed = (id: string) => submit(definition(id, { idempotencyKey: `key of ${id}` }));

describe("a script that dies in its middle", () => {
  it("is undone by a restore and the log, whichever command its user may not call", async () => {
    let halfDone = 0;
    const cases = [randomLog, fc.nat(20), fc.nat(20), fc.constantFrom(...WRITES)] as const;
    await fc.assert(
      fc.asyncProperty(...cases, async (log, to, back, command) => {
        const whole = Math.min(to, log.length);
        const index = Math.min(back, whole);
        const one = await fresh(0);
        await one.log.applier.apply(log.slice(0, index));
        const pieces = index === 0 ? [] : await snapshotOf(one);
        await one.log.applier.apply(log.slice(index));
        await fresh(1);
        await limited.log.applier.apply(log.slice(0, whole));

        await allow(`-${command}`);
        await limited.log.applier.apply(log.slice(whole)).catch((error: unknown) => {
          expect(error).toMatchObject({ name: "RedisRefused", code: "NOPERM" });
        });
        await allow("+@all");

        const found = await limited.log.applier.appliedIndex();
        if (found === NOT_WHOLE) {
          halfDone += 1;
          await restoreTo(index, pieces, found);
        }
        const from = found === NOT_WHOLE ? index : found;
        await limited.log.applier.apply(log.slice(from));
        expect(await content(limited)).toEqual(await content(one));
        expect(await contradictions()).toEqual([]);
      }),
      { numRuns: 150 },
    );
    expect(halfDone).toBeGreaterThan(5);
  });

  it("has nothing applied behind it, no dump begun and nothing counted, before the restore", async () => {
    await fresh(1);
    await limited.log.applier.apply([entry(1, [keyed("a")])]);
    await allow("-xadd");
    const refused = limited.log.applier.apply([entry(2, [keyed("b")])]);
    await expect(refused).rejects.toThrow(RedisRefused);
    await allow("+@all");

    const again = limited.log.applier.apply([entry(2, [keyed("b")])]);
    await expect(again).rejects.toThrow(AppliedIndexMismatch);
    await expect(again).rejects.toMatchObject({ applied: NOT_WHOLE });
    expect(await snapshotOf(limited)).toEqual([]);
    const { redis, log } = limited;
    await expect(auditCounts({ redis, keys: log.keys }, never)).rejects.toThrow(CountingLost);
  });

  it("a restore that dies in its middle is begun again, and leaves nothing of its own", async () => {
    const one = await fresh(0);
    for (const id of ["a", "b"]) await one.log.append(keyed(id));
    await one.log.append(assign(["a"]));
    await one.log.append(finish(completed("a", 3)));
    const pieces = await snapshotOf(one);
    const expected = await content(one);
    for (const command of ["mset", "zadd", "zincrby", "set"]) {
      await fresh(1);
      await limited.log.applier.apply(one.log.entries);
      await admin.set(limited.log.keys.applied, "-1 0 4 -");
      await allow(`-${command}`);
      await expect(restoreTo(4, pieces, NOT_WHOLE)).rejects.toThrow(RedisRefused);
      await allow("+@all");

      expect(await limited.log.applier.appliedIndex()).toBe(NOT_WHOLE);
      await restoreTo(4, pieces, NOT_WHOLE);
      expect(await content(limited)).toEqual(expected);
    }
  });

  it.each([
    "running",
    "task:a",
    "all",
    "dump",
    "applied",
    "restoring",
    "events",
    "queues",
    "counts:default",
  ])(
    "a restore takes the place of a key of another type that somebody put there: %s",
    async (name) => {
      const one = await fresh(0);
      for (const id of ["a", "b"]) await one.log.append(keyed(id));
      const pieces = await snapshotOf(one);
      await one.log.append(assign(["a"]));
      const expected = await content(one);
      await fresh(1);
      await limited.log.applier.apply(one.log.entries.slice(0, 2));

      await admin.del(limited.log.keys.prefix + name);
      await admin.rpush(limited.log.keys.prefix + name, "mine");
      await limited.log.applier.apply(one.log.entries.slice(2)).catch(() => undefined);

      await restoreTo(2, pieces, await limited.log.applier.appliedIndex());
      await limited.log.applier.apply(one.log.entries.slice(2));
      expect(await content(limited)).toEqual(expected);
    },
  );

  it("one that somebody ends before it has written is sent again, and nothing is in doubt", () => {
    const killed = Object.assign(
      new Error("ERR Error running script: Script killed by user with SCRIPT KILL"),
      { name: "ReplyError" },
    );
    expect(toRedisError(killed).name).toBe("RedisUnavailable");
  });
});

describe("the queue of another mesh under the same keys", () => {
  it("is neither written nor restored over", async () => {
    const { redis } = await fresh(0);
    const [first, second] = [ownedBy(redis, "first"), ownedBy(redis, "second")];
    await first.applier.apply([entry(1, [keyed("a")])]);
    const before = (await redis.keys("*")).sort();

    await expect(second.applier.apply([entry(2, [keyed("b")])])).rejects.toThrow(ForeignQueue);
    const source = { index: 0, term: 0, content: [] };
    const options = { found: 1, leaderTerm: 1, signal: never };
    await expect(second.restorer.restore(source, options)).rejects.toThrow(
      "holds the queue of another one (first)",
    );

    expect((await redis.keys("*")).sort()).toEqual(before);
    await first.applier.apply([entry(2, [keyed("c")])]);
  });

  it("whose place this one has taken is restored, not believed: its log may have gone on", async () => {
    const one = await fresh(0);
    await one.log.applier.apply([entry(1, [keyed("a")])]);
    const pieces = await snapshotOf(one);
    await one.log.applier.apply([entry(2, [keyed("c")])]);
    const other = await fresh(1);
    await ownedBy(other.redis, "old").applier.apply([
      entry(1, [keyed("a")]),
      entry(2, [keyed("b")]),
      entry(3, [assign(["a"])]),
    ]);

    const { applier, restorer } = ownedBy(other.redis, "new", ["older", "old"]);
    const found = await applier.appliedIndex();
    expect(found).toBe(NOT_WHOLE);
    await expect(applier.apply([entry(4, [keyed("d")])])).rejects.toMatchObject({
      applied: NOT_WHOLE,
    });
    const source = { index: 1, term: 1, content: pieces };
    await restorer.restore(source, { found, leaderTerm: 9, signal: never });
    await applier.apply([entry(2, [keyed("c")])]);

    expect(await content(other)).toEqual(await content(one));
    await expect(ownedBy(other.redis, "old").applier.appliedIndex()).resolves.toBe(2);
    const late = ownedBy(other.redis, "old").applier.apply([entry(3, [assign(["a"])])]);
    await expect(late).rejects.toThrow(ForeignQueue);
  });
});
