// The log on disk: what is written is found again, whatever the order of appends and truncations.
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Entry, logIndex, openRaftStorage } from "../../../src/raft/index.js";
import { crc32c } from "../../../src/raft/storage/crc32c.js";
import {
  allEntries,
  chunksOf,
  contents,
  describeEntry,
  entries,
  entry,
  hardState,
  IDENTITY,
  MEMBERSHIP,
  newFolder,
  openNew,
  snapshotMeta,
  withStorage,
  write,
} from "./support.js";

test("CRC-32C is that of RFC 3720, in one piece or in several", () => {
  const bytes = Buffer.from("123456789, and some more to cross the eight");
  expect(crc32c(bytes, 0, 0, 9)).toBe(0xe3069283);
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  expect(crc32c(bytes.subarray(11), crc32c(bytes.subarray(0, 11)))).toBe(crc32c(bytes));
});

test("a folder without state has no identity, and gets one once", async () => {
  const dir = await newFolder();
  await withStorage(dir, async (storage) => {
    expect(storage.identity).toBeUndefined();
    await storage.initialise(IDENTITY, MEMBERSHIP);
    await expect(storage.initialise(IDENTITY, MEMBERSHIP)).rejects.toThrow("once");
  });
  await withStorage(dir, (storage) => {
    expect(storage.identity).toMatchObject(IDENTITY);
    expect(storage.membership).toEqual(MEMBERSHIP);
    expect([storage.firstIndex(), storage.lastIndex(), storage.term(logIndex(0))]).toEqual([
      1, 0, 0,
    ]);
  });
});

test("all kinds of entries, and the newest hard state, are found again", async () => {
  const dir = await newFolder();
  const storage = await openNew(dir);
  await storage.write([
    write({ hardState: hardState(1, "a"), entries: [{ ...entry(1, 1, ""), kind: "noop" }] }),
    write({ entries: [{ ...entry(2, 1, "m"), kind: "membership" }, entry(3, 2)] }),
    write({ hardState: hardState(2, "knoten-ä", 2) }),
  ]);
  const before = contents(storage);
  await storage.close();

  const after = await withStorage(dir, contents);

  expect(after).toEqual(before);
  expect(after.hardState).toEqual(hardState(2, "knoten-ä", 2));
  expect(after.entries).toEqual(["1 t1 noop ", "2 t1 membership m", "3 t2 command command 3"]);
});

type Operation =
  | { readonly kind: "append"; readonly back: number; readonly sizes: readonly number[] }
  | { readonly kind: "vote" | "reopen" }
  | { readonly kind: "snapshot"; readonly keep: number };

const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("append" as const),
      back: fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, fc.nat({ max: 12 })),
      sizes: fc.array(fc.nat({ max: 90 }), { minLength: 1, maxLength: 6 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "vote" as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: "reopen" as const }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("snapshot" as const), keep: fc.nat({ max: 6 }) }),
  },
);

test("any history of appends, truncations, snapshots and restarts reads like a plain array", async () => {
  const property = fc.asyncProperty(fc.array(operation, { maxLength: 30 }), async (operations) => {
    const dir = await newFolder();
    const settings = { segmentBytes: 400, cacheBytes: 600 };
    let storage = await openNew(dir, settings);
    let model: Entry[] = [];
    let state = hardState(0);
    let snapshotIndex = 0;
    for (const [turn, step] of operations.entries()) {
      switch (step.kind) {
        case "append": {
          const from = Math.max(snapshotIndex, model.length - step.back) + 1;
          const added = step.sizes.map((size, at) => entry(from + at, turn + 1, "x".repeat(size)));
          model = [...model.slice(0, from - 1), ...added];
          const half = Math.ceil(added.length / 2);
          await storage.write([
            write({ entries: added.slice(0, half) }),
            write({ entries: added.slice(half) }),
          ]);
          break;
        }
        case "vote":
          state = hardState(turn + 1, `n${turn}`, snapshotIndex);
          await storage.write([write({ hardState: state })]);
          break;
        case "snapshot": {
          const last = model.at(-1);
          if (last === undefined) break;
          const subject = { index: last.index, term: last.term, membership: MEMBERSHIP };
          await storage.saveSnapshot(subject, chunksOf("state"));
          const firstBefore = storage.firstIndex();
          await storage.compact(last.index, step.keep);
          snapshotIndex = last.index;
          expect(storage.firstIndex()).toBeLessThanOrEqual(
            Math.max(firstBefore, last.index - step.keep + 1),
          );
          break;
        }
        case "reopen": {
          const before = contents(storage);
          await storage.close();
          storage = await openRaftStorage({ dir, ...settings });
          expect(contents(storage)).toEqual(before);
          break;
        }
      }
      const held = model.slice(storage.firstIndex() - 1).map(describeEntry);
      expect(allEntries(storage).map(describeEntry)).toEqual(held);
      expect(storage.lastIndex()).toBe(model.length);
      expect(storage.hardState).toEqual(state);
      const before = model[storage.firstIndex() - 2]?.term ?? 0;
      expect(storage.term(logIndex(storage.firstIndex() - 1))).toBe(before);
    }
    await storage.close();
  });
  await fc.assert(property, { numRuns: 60 });
});

test("reads are bounded in bytes, give one entry at least, and need no cache", async () => {
  const dir = await newFolder();
  const storage = await openNew(dir, { segmentBytes: 2000, cacheBytes: 300 });
  for (let from = 1; from <= 200; from += 10) {
    await storage.write([write({ entries: entries(from, from + 9, 1, "x".repeat(50)) })]);
  }
  const read = (from: number, to: number, maxBytes: number) =>
    storage.entries(logIndex(from), logIndex(to), maxBytes).map(({ index }) => index);

  expect(read(1, 201, 1)).toEqual([1]);
  expect(read(7, 201, 120)).toEqual([7, 8]);
  expect(read(199, 201, 1_000_000)).toEqual([199, 200]);
  expect(read(201, 300, 1000)).toEqual([]);
  expect(allEntries(storage)).toHaveLength(200);
  await storage.close();
});

test("the hard state outlives the files that it was first written to", async () => {
  const dir = await newFolder();
  const storage = await openNew(dir, { segmentBytes: 500 });
  await storage.write([write({ hardState: hardState(3, "b") })]);
  for (let index = 1; index <= 60; index += 1) {
    await storage.write([write({ entries: [entry(index, 3)] })]);
  }
  const subject = { ...snapshotMeta(60, 3, new Uint8Array()), membership: MEMBERSHIP };
  await storage.saveSnapshot(subject, chunksOf("all of it"));

  await storage.compact(logIndex(60), 0);
  const first = storage.firstIndex();
  await storage.close();

  expect(first).toBeGreaterThan(40);
  await withStorage(dir, (reopened) => {
    expect(reopened.hardState).toEqual(hardState(3, "b"));
    expect(reopened.firstIndex()).toBe(first);
    expect(reopened.term(logIndex(first - 1))).toBe(3);
    expect(reopened.term(logIndex(first - 2))).toBeUndefined();
  });
});

test("compaction never passes the snapshot, and keeps the tail that was asked for", async () => {
  const dir = await newFolder();
  const storage = await openNew(dir, { segmentBytes: 200 });
  for (let index = 1; index <= 40; index += 1) {
    await storage.write([write({ entries: [entry(index, 1)] })]);
  }
  await storage.compact(logIndex(40), 0);
  expect(storage.firstIndex()).toBe(1);
  await storage.saveSnapshot(snapshotMeta(20, 1, new Uint8Array()), chunksOf("20"));

  await storage.compact(logIndex(40), 0);
  const atSnapshot = storage.firstIndex();
  await storage.saveSnapshot(snapshotMeta(40, 1, new Uint8Array()), chunksOf("40"));
  await storage.compact(logIndex(40), 15);
  const withTail = storage.firstIndex();
  await storage.close();

  expect(atSnapshot).toBeGreaterThan(10);
  expect(atSnapshot).toBeLessThanOrEqual(21);
  expect(withTail).toBeGreaterThan(20);
  expect(withTail).toBeLessThanOrEqual(26);
});

test("what is left of a batch that was cut short is no part of the one written in its place", async () => {
  const [first, second] = [await newFolder(), await newFolder()];
  const segment = (dir: string) => path.join(dir, "log-000000000001");
  for (const [dir, count] of [[first, 2] as const, [second, 1] as const]) {
    const storage = await openNew(dir);
    await storage.write([write({ entries: entries(1, count) })]);
    await storage.close();
  }
  // given a disk that has lost that the file was cut, and kept all that was written since
  const written = await readFile(segment(second));
  const left = (await readFile(segment(first))).subarray(written.byteLength);
  await writeFile(segment(second), Buffer.concat([written, left]));

  await withStorage(second, (reopened) => expect(reopened.lastIndex()).toBe(1));
});
