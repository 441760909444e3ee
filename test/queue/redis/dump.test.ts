// A dump is the exact state at its index, whatever is applied while it is read.
import fc from "fast-check";
import type { Redis } from "ioredis";
import { describe, expect, it } from "vitest";
import type { CommittedEntry } from "../../../src/queue/state/committed-entry.js";
import { RedisDump } from "../../../src/queue/redis/dump.js";
import { DumpLost } from "../../../src/queue/redis/errors.js";
import { TaskStatus } from "../../../src/gen/mesh/v1/task.js";
import { assign, completed, definition, expire, finish, submit } from "./applied-log.js";
import { randomLog } from "./random-log.js";
import { type StoredContent, stateOf, withTwoRedis } from "./stored-content.js";

const two = withTwoRedis();
const fresh = (which: 0 | 1): ReturnType<typeof two> => two(which);

/** Reads a dump piece by piece; `between` is called before each of them. */
async function read(dump: RedisDump, between: () => Promise<void>): Promise<StoredContent> {
  const tasks = new Map<string, string>();
  const keys = new Map<string, string>();
  await between();
  for await (const piece of dump.pieces()) {
    if (piece.kind === "keys") {
      for (const { key, value } of piece.keys) keys.set(key, Buffer.from(value).toString("hex"));
    } else {
      for (const { id, state, data } of piece.tasks) {
        expect(tasks.has(id)).toBe(false);
        tasks.set(id, Buffer.concat([state, data]).toString("hex"));
      }
    }
    await between();
  }
  return { tasks, keys };
}

async function leftovers(redis: Redis): Promise<string[]> {
  return (await redis.keys("*")).filter((key) => key.includes(":dump"));
}

describe("a dump", () => {
  it("is the state at its index to the byte, whatever is applied while it is read", async () => {
    const steps = fc.array(fc.nat(6), { minLength: 1, maxLength: 10 });
    await fc.assert(
      fc.asyncProperty(
        randomLog,
        fc.nat(59),
        steps,
        fc.integer({ min: 1, max: 3 }),
        async (log, at, places, maxItemsPerPiece) => {
          const index = Math.min(at, log.length);
          const one = await fresh(0);
          await one.log.applier.apply(log.slice(0, index));
          const other = await fresh(1);
          await other.log.applier.apply(log.slice(0, index));

          const dump = await RedisDump.begin({ ...one, keys: one.log.keys, maxItemsPerPiece });
          if (dump === undefined) throw new Error("no dump was begun");
          let next = index;
          let turn = 0;
          const found = await read(dump, async () => {
            const count = places[turn++ % places.length] ?? 0;
            const entries: readonly CommittedEntry[] = log.slice(next, next + count);
            if (entries.length > 0) await one.log.applier.apply(entries);
            next += entries.length;
          });

          expect(dump.index).toBe(index);
          const expected = await stateOf(other);
          expect([...found.tasks].sort()).toEqual([...expected.tasks].sort());
          expect([...found.keys].sort()).toEqual([...expected.keys].sort());
          expect(await leftovers(one.redis)).toEqual([]);
        },
      ),
      { numRuns: 150 },
    );
  });

  it("has each task of a lane as it was, in whatever order they start meanwhile", async () => {
    const ids = Array.from({ length: 24 }, (_, i) => `t${i}`);
    const orders = fc.shuffledSubarray(ids, { minLength: 24 });
    await fc.assert(
      fc.asyncProperty(orders, fc.integer({ min: 1, max: 5 }), async (order, maxItemsPerPiece) => {
        const one = await fresh(0);
        for (const id of ids) await one.log.append(submit(id));
        const expected = await stateOf(one);
        const dump = await RedisDump.begin({ ...one, keys: one.log.keys, maxItemsPerPiece });
        if (dump === undefined) throw new Error("no dump was begun");

        const found = await read(dump, async () => {
          const started = order.splice(0, maxItemsPerPiece);
          if (started.length > 0) await one.log.append(assign(started));
        });

        expect([...found.tasks].sort()).toEqual([...expected.tasks].sort());
      }),
      { numRuns: 40 },
    );
  });

  it("has the data of a task that was finished and removed before it was read", async () => {
    const { redis, log } = await fresh(0);
    const data = JSON.stringify("large".repeat(1_000));
    await log.append(submit(definition("gone", { data })));
    await log.append(assign(["gone"]));
    const dump = await RedisDump.begin({ redis, keys: log.keys });
    await log.append(finish(completed("gone", 2)));
    await log.append(expire(10, { status: TaskStatus.COMPLETED, endedBeforeMs: 0, maxCount: 0 }));
    expect(await log.reader.getTask("gone")).toBeUndefined();

    const found = dump && (await read(dump, () => Promise.resolve()));

    expect(found?.tasks.size).toBe(1);
    expect(Buffer.from(found?.tasks.get("gone") ?? "", "hex").toString()).toContain(data);
  });

  it("is one at a time, and that of an owner who is gone ends by itself", async () => {
    const { redis, log } = await fresh(0);
    await log.append(submit("a"));
    const abandoned = await RedisDump.begin({ redis, keys: log.keys, leaseMs: 40 });
    expect(abandoned?.index).toBe(1);
    expect(await RedisDump.begin({ redis, keys: log.keys })).toBeUndefined();

    let dump: RedisDump | undefined;
    while (dump === undefined) dump = await RedisDump.begin({ redis, keys: log.keys });

    expect((await read(dump, () => Promise.resolve())).tasks.size).toBe(1);
    await expect(abandoned?.pieces().next()).rejects.toThrow(DumpLost);
  });

  it("is lost, and takes no more memory, where more changes meanwhile than Redis keeps", async () => {
    const { redis, log } = await fresh(0);
    const ids = Array.from({ length: 200 }, (_, i) => `t${i}`);
    await log.append(submit(...ids));
    const dump = await RedisDump.begin({ redis, keys: log.keys, maxImageBytes: 10_000 });

    await log.append(assign(ids));

    await expect(dump?.pieces().next()).rejects.toThrow(DumpLost);
    expect(await leftovers(redis)).toEqual([]);
  });

  it.each(["emptied", "evicted images", "a lost step"] as const)(
    "is lost where Redis lost a part of it: %s",
    async (loss) => {
      const { redis, log } = await fresh(0);
      await log.append(submit("a", "b", "c"));
      const dump = await RedisDump.begin({ redis, keys: log.keys, maxItemsPerPiece: 1 });
      if (dump === undefined) throw new Error("no dump was begun");
      await log.append(assign(["c"]));

      const reading = read(dump, async () => {
        if (loss === "emptied") await redis.flushall();
        if (loss === "evicted images") await redis.del(`${log.keys.prefix}dump:images`);
        if (loss === "a lost step") await redis.hset(`${log.keys.prefix}dump`, "step", 0);
      });

      await expect(reading).rejects.toThrow(DumpLost);
    },
  );
});
