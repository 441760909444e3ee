// Snapshots: received in chunks or taken here, whole or not at all, whenever a crash comes.
import { readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { expect, test } from "vitest";
import {
  LogCorrupt,
  logIndex,
  openRaftStorage,
  type RaftStorage,
} from "../../../src/raft/index.js";
import {
  chunksOf,
  chunkWrites,
  contents,
  crashCopy,
  entries,
  entry,
  hardState,
  MEMBERSHIP,
  newFolder,
  openNew,
  snapshotMeta,
  watchedFileSystem,
  withStorage,
  write,
} from "./support.js";

const CONTENT = new Uint8Array(1000).map((_, at) => (at * 31) % 251);

async function snapshotFiles(dir: string): Promise<string[]> {
  return (await readdir(dir)).filter((name) => name.startsWith("snapshot-"));
}

async function receive(storage: RaftStorage, index: number, metaTerm: number): Promise<unknown> {
  let outcomes: unknown;
  for (const part of chunkWrites(snapshotMeta(index, metaTerm, CONTENT), CONTENT, 300)) {
    outcomes = await storage.write([part]);
  }
  return outcomes;
}

test("a received snapshot takes the log's place and can be read and sent on", async () => {
  const dir = await newFolder();
  const storage = await openNew(dir, { segmentBytes: 200 });
  await storage.write([write({ hardState: hardState(2, "b"), entries: entries(1, 30) })]);

  const outcomes = await receive(storage, 20, 7);
  await storage.write([write({ entries: entries(21, 22, 7) })]);
  const before = contents(storage);
  await storage.close();

  expect(outcomes).toEqual(["durable"]);
  await withStorage(dir, (reopened) => {
    expect(contents(reopened)).toEqual(before);
    const meta = snapshotMeta(20, 7, CONTENT);
    expect(reopened.snapshot()).toEqual(meta);
    expect([reopened.firstIndex(), reopened.lastIndex()]).toEqual([21, 22]);
    expect(reopened.term(logIndex(20))).toBe(7);
    expect(reopened.hardState).toEqual(hardState(2, "b"));
    expect(Buffer.from(reopened.snapshotContent(meta) ?? [])).toEqual(Buffer.from(CONTENT));
    expect(reopened.snapshotChunk(meta, 990, 100)).toHaveLength(10);
    expect(reopened.snapshotChunk(meta, 1000, 100)).toHaveLength(0);
    expect(reopened.snapshotChunk(snapshotMeta(19, 7, CONTENT), 0, 100)).toBeUndefined();
  });
  expect(await snapshotFiles(dir)).toHaveLength(1);
});

test("entries that continue a received snapshot are kept (§5.3)", async () => {
  const dir = await newFolder();
  const storage = await openNew(dir);
  await storage.write([write({ entries: entries(1, 30) })]);

  await receive(storage, 20, 1);

  expect(storage.lastIndex()).toBe(30);
  await storage.close();
  expect(await withStorage(dir, (reopened) => reopened.lastIndex())).toBe(30);
});

test("a snapshot that does not match its checksum is dropped, and can come again", async () => {
  const dir = await newFolder();
  const storage = await openNew(dir);
  await storage.write([write({ entries: entries(1, 3) })]);
  const meta = { ...snapshotMeta(20, 7, CONTENT), checksum: 1 };

  const outcomes = await storage.write([
    ...chunkWrites(meta, CONTENT, 300),
    write({ entries: entries(4, 4) }),
  ]);

  expect(outcomes).toEqual(["durable", "durable", "durable", "snapshot-corrupt", "durable"]);
  expect(storage.snapshot()).toBeUndefined();
  expect(storage.lastIndex()).toBe(4);
  expect(await snapshotFiles(dir)).toEqual([]);
  expect(await receive(storage, 20, 7)).toEqual(["durable"]);
  await storage.close();
});

test("a chunk that leaves a gap is a bug; a first chunk starts anew", async () => {
  const dir = await newFolder();
  const storage = await openNew(dir);
  const [first, second, third] = chunkWrites(snapshotMeta(20, 7, CONTENT), CONTENT, 300);
  if (first === undefined || second === undefined || third === undefined) throw new Error("few");

  await storage.write([first, second, first, second]);

  await expect(storage.write([second])).rejects.toThrow("chunk of snapshot 20 at 300");
  await storage.close();
  expect(await withStorage(dir, (reopened) => reopened.snapshot())).toBeUndefined();
  expect(await snapshotFiles(dir)).toEqual([]);
});

test("a crash at any step of receiving a snapshot leaves the old state or the new", async () => {
  let [olds, news] = [0, 0];
  for (let crashAt = 0, isDone = false; !isDone; crashAt += 1) {
    const dir = await newFolder();
    let isArmed = false;
    let steps = 0;
    const files = watchedFileSystem(() => {
      if (!isArmed) return;
      if (steps === crashAt) throw new Error("crash");
      steps += 1;
    });
    const storage = await openNew(dir, { files, segmentBytes: 200 });
    for (const index of [1, 2, 3, 4, 5, 6, 7, 8]) {
      await storage.write([write({ hardState: hardState(2, "b"), entries: [entry(index, 1)] })]);
    }
    isArmed = true;
    try {
      await receive(storage, 6, 2);
      isDone = true;
    } catch (error) {
      expect(error).toMatchObject({ message: expect.stringContaining("crash") as string });
    }
    isArmed = false;
    const copy = await crashCopy(dir);
    await storage.close();

    await withStorage(copy, async (reopened) => {
      const isNew = reopened.snapshot() !== undefined;
      if (isNew) news += 1;
      else olds += 1;
      expect(isNew || !isDone).toBe(true);
      expect(reopened.hardState).toEqual(hardState(2, "b"));
      expect([reopened.firstIndex(), reopened.lastIndex()]).toEqual(isNew ? [7, 6] : [1, 8]);
      const next = reopened.lastIndex() + 1;
      await reopened.write([write({ entries: [entry(next, 3)] })]);
    });
    await withStorage(copy, async (again) => {
      expect([7, 9]).toContain(again.lastIndex());
      expect(await snapshotFiles(copy)).toHaveLength(again.snapshot() === undefined ? 0 : 1);
    });
  }
  expect(olds).toBeGreaterThan(3);
  expect(news).toBeGreaterThan(3);
});

test("a snapshot of its own state replaces the one before, and leaves the log", async () => {
  const dir = await newFolder();
  const storage = await openNew(dir);
  await storage.write([write({ entries: entries(1, 9) })]);
  const subject = { index: logIndex(5), term: entry(5, 1).term, membership: MEMBERSHIP };

  await storage.saveSnapshot({ ...subject, index: logIndex(3) }, chunksOf("old"));
  const meta = await storage.saveSnapshot(subject, chunksOf("the ", "new"));
  const ofOlder = await storage.saveSnapshot({ ...subject, index: logIndex(4) }, chunksOf("late"));
  await storage.close();

  expect(meta).toEqual(snapshotMeta(5, 1, Buffer.from("the new")));
  expect(ofOlder).toEqual(meta);
  expect(await snapshotFiles(dir)).toHaveLength(1);
  await withStorage(dir, (reopened) => {
    expect(Buffer.from(reopened.snapshotContent(meta) ?? []).toString()).toBe("the new");
    expect([reopened.firstIndex(), reopened.lastIndex()]).toEqual([1, 9]);
  });
});

test("a state machine that fails while it is saved does not hurt the storage", async () => {
  const dir = await newFolder();
  const storage = await openNew(dir);
  await storage.write([write({ entries: entries(1, 9) })]);
  const broken = async function* () {
    yield* chunksOf("some");
    throw new Error("out of state");
  };

  const saving = storage.saveSnapshot(snapshotMeta(5, 1, new Uint8Array()), broken());

  await expect(saving).rejects.toThrow("out of state");
  await storage.write([write({ entries: entries(10, 10) })]);
  await storage.saveSnapshot(snapshotMeta(5, 1, new Uint8Array()), chunksOf("whole"));
  await storage.close();
});

test("a snapshot that rots is refused at open, with its file", async () => {
  const dir = await newFolder();
  const storage = await openNew(dir);
  await storage.write([write({ entries: entries(1, 9) })]);
  await storage.saveSnapshot(snapshotMeta(5, 1, new Uint8Array()), chunksOf(CONTENT));
  await storage.close();
  const [name = ""] = await snapshotFiles(dir);
  const file = path.join(dir, name);
  const bytes = await readFile(file);
  for (const offset of [0, 999, 1001, bytes.byteLength - 1]) {
    const damaged = Buffer.from(bytes);
    damaged.writeUInt8(damaged.readUInt8(offset) ^ 4, offset);
    await writeFile(file, damaged);

    const error: unknown = await openRaftStorage({ dir }).catch((reason: unknown) => reason);

    expect(error).toBeInstanceOf(LogCorrupt);
    expect(error).toMatchObject({ file });
  }
});

test("entries that are written together with the end of a snapshot are what it takes the place of", async () => {
  const dir = await newFolder();
  const storage = await openNew(dir);
  const before = write({ hardState: hardState(7, "b"), entries: entries(1, 3) });

  await storage.write([before, ...chunkWrites(snapshotMeta(20, 7, CONTENT), CONTENT, 300)]);
  await storage.close();

  await withStorage(dir, (reopened) => {
    expect([reopened.firstIndex(), reopened.lastIndex()]).toEqual([21, 20]);
    expect(reopened.hardState).toEqual(hardState(7, "b"));
  });
});
