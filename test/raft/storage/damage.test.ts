// What crashes, rot, a failing disk and a second process do to a data folder.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFile, mkdir, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import path from "node:path";
import { expect, test } from "vitest";
import {
  DataFolderLocked,
  LogCorrupt,
  logIndex,
  openRaftStorage,
  type RaftStorage,
  StateLost,
  StorageClosed,
  StorageFailure,
} from "../../../src/raft/index.js";
import { ownHolder } from "../../../src/raft/storage/lock-holder.js";
import {
  allEntries,
  chunksOf,
  contents,
  crashCopy,
  entries,
  entry,
  hardState,
  IDENTITY,
  MEMBERSHIP,
  newFolder,
  openNew,
  snapshotMeta,
  watchedFileSystem,
  withStorage,
  write,
} from "./support.js";

async function segmentsOf(dir: string): Promise<string[]> {
  const names = (await readdir(dir)).filter((name) => name.startsWith("log-"));
  return names.sort().map((name) => path.join(dir, name));
}

/** The last of a list that must not be empty. */
function lastOf<Item>(items: readonly Item[]): Item {
  const last = items.at(-1);
  if (last === undefined) throw new Error("the list is empty");
  return last;
}

async function flipBit(file: string, offset: number): Promise<void> {
  const bytes = await readFile(file);
  bytes.writeUInt8(bytes.readUInt8(offset) ^ 1, offset);
  await writeFile(file, bytes);
}

test("a last write that was torn at any byte is cut off, and the log goes on from there", async () => {
  const dir = await newFolder();
  const storage = await openNew(dir);
  await storage.write([write({ hardState: hardState(1, "a"), entries: entries(1, 3) })]);
  const whole = contents(storage);
  const file = lastOf(await segmentsOf(dir));
  const before = (await readFile(file)).byteLength;
  await storage.write([write({ hardState: hardState(2), entries: entries(3, 4, 2) })]);
  await storage.close();
  const bytes = await readFile(file);

  for (let length = before; length < bytes.byteLength; length += 1) {
    await writeFile(file, bytes.subarray(0, length));
    await withStorage(dir, async (torn) => {
      expect(contents(torn)).toEqual(whole);
      if (length % 10 === 0) await torn.write([write({ entries: entries(4, 4, 3) })]);
    });
    const last = await withStorage(dir, (again) => again.lastIndex());
    expect(last).toBe(length % 10 === 0 ? 4 : 3);
    await writeFile(file, bytes.subarray(0, before));
  }
});

test("a torn write whose later pages came first is cut off too", async () => {
  const dir = await newFolder();
  const storage = await openNew(dir);
  await storage.write([write({ entries: entries(1, 3) })]);
  const file = lastOf(await segmentsOf(dir));
  const before = (await readFile(file)).byteLength;
  await storage.write([write({ entries: entries(4, 9) })]);
  await storage.close();
  const bytes = await readFile(file);
  await writeFile(file, bytes.fill(0, before, before + 60));

  expect(await withStorage(dir, (torn) => torn.lastIndex())).toBe(3);
});

test("a flipped bit in front of later writes is refused, with its file and place", async () => {
  const dir = await newFolder();
  const storage = await openNew(dir);
  await storage.write([write({ entries: entries(1, 1) })]);
  const file = lastOf(await segmentsOf(dir));
  const second = (await readFile(file)).byteLength;
  for (let index = 2; index <= 4; index += 1) {
    await storage.write([write({ entries: entries(index, index) })]);
  }
  await storage.close();
  await flipBit(file, second + 40);

  const error = await openRaftStorage({ dir }).catch((reason: unknown) => reason);

  expect(error).toBeInstanceOf(LogCorrupt);
  expect(error).toMatchObject({ file, offset: second });
});

test("a flipped bit anywhere in an earlier file of the log is refused", async () => {
  const dir = await newFolder();
  const storage = await openNew(dir, { segmentBytes: 300 });
  for (let index = 1; index <= 12; index += 1) {
    await storage.write([write({ entries: [entry(index, 1)] })]);
  }
  await storage.close();
  const [first, second] = await segmentsOf(dir);
  for (const file of [first, second]) {
    if (file === undefined) throw new Error("there are several segments");
    const bytes = await readFile(file);
    for (let offset = 0; offset < bytes.byteLength; offset += 7) {
      await flipBit(file, offset);
      await expect(openRaftStorage({ dir })).rejects.toMatchObject({ name: "LogCorrupt", file });
      await writeFile(file, bytes);
    }
  }
  expect(await withStorage(dir, (whole) => whole.lastIndex())).toBe(12);
});

test("files that are missing or cut short are told, not skipped", async () => {
  const dir = await newFolder();
  const storage = await openNew(dir, { segmentBytes: 200 });
  for (let index = 1; index <= 12; index += 1) {
    await storage.write([write({ entries: [entry(index, 1)] })]);
  }
  await storage.write([write({ hardState: hardState(1, "a", 12) })]);
  const files = await segmentsOf(dir);
  const damage = async (harm: (copy: readonly string[], dir: string) => Promise<void>) => {
    const copy = await crashCopy(dir);
    await harm(await segmentsOf(copy), copy);
    return openRaftStorage({ dir: copy }).catch((reason: unknown) => reason);
  };
  await storage.close();
  expect(files.length).toBeGreaterThan(4);

  const first = await damage(([file = ""]) => rm(file));
  const middle = await damage(([, , file = ""]) => rm(file));
  const cut = await damage(([, file = ""]) => truncate(file, 100));
  const all = await damage(async (copies) => {
    for (const file of copies) await rm(file);
  });
  const identity = await damage((_, copy) => rm(path.join(copy, "identity")));

  expect(first).toBeInstanceOf(LogCorrupt);
  expect(middle).toBeInstanceOf(LogCorrupt);
  expect(cut).toBeInstanceOf(LogCorrupt);
  expect(all).toBeInstanceOf(StateLost);
  expect(identity).toBeInstanceOf(StateLost);
});

test("a log that ends before what was committed is refused", async () => {
  const dir = await newFolder();
  const storage = await openNew(dir);
  await storage.write([write({ entries: entries(1, 5) })]);
  await storage.write([write({ hardState: hardState(1, "a", 9) })]);
  await storage.close();

  await expect(openRaftStorage({ dir })).rejects.toThrow("9 was committed");
});

test("an entry that rots while the storage is open is not handed out", async () => {
  const dir = await newFolder();
  const storage = await openNew(dir, { cacheBytes: 1 });
  await storage.write([write({ entries: entries(1, 3) })]);
  const file = lastOf(await segmentsOf(dir));
  await flipBit(file, (await readFile(file)).byteLength - 1);

  expect(() => storage.entries(logIndex(1), logIndex(4), 10_000)).toThrow(LogCorrupt);
  await storage.close();
});

test("a crash at any step of a new folder, a roll or a truncation loses nothing acknowledged", async () => {
  for (let crashAt = 0, isDone = false; !isDone; crashAt += 1) {
    const dir = await newFolder();
    let steps = 0;
    let storage: RaftStorage | undefined;
    const files = watchedFileSystem(() => {
      if (steps === crashAt) throw new Error("crash");
      steps += 1;
    });
    let acknowledged = 0;
    let isInitialised = false;
    try {
      storage = await openRaftStorage({ dir, files, segmentBytes: 250 });
      await storage.initialise(IDENTITY, MEMBERSHIP);
      isInitialised = true;
      for (let index = 1; index <= 6; index += 1) {
        await storage.write([write({ entries: [entry(index, 1)] })]);
        acknowledged = index;
      }
      // Back into an earlier file.
      acknowledged = 1;
      await storage.write([write({ hardState: hardState(2), entries: entries(2, 9, 2) })]);
      acknowledged = 9;
      isDone = true;
    } catch (error) {
      expect(error).toMatchObject({ message: expect.stringContaining("crash") as string });
    }
    const copy = await crashCopy(dir);
    await storage?.close().catch(() => undefined);
    await withStorage(copy, async (reopened) => {
      if (isInitialised) expect(reopened.identity).toMatchObject(IDENTITY);
      if (reopened.identity === undefined) await reopened.initialise(IDENTITY, MEMBERSHIP);
      expect(reopened.lastIndex()).toBeGreaterThanOrEqual(acknowledged);
      const next = reopened.lastIndex() + 1;
      await reopened.write([write({ entries: [entry(next, 3)] })]);
      expect(reopened.lastIndex()).toBe(next);
    });
  }
});

test("a crash at any step of a compaction past truncations opens as the same log", async () => {
  let crashes = 0;
  for (;;) {
    const dir = await newFolder();
    let left = Infinity;
    const files = watchedFileSystem(() => {
      if (left === 0) throw new Error("crash");
      left -= 1;
    });
    const storage = await openNew(dir, { files, segmentBytes: 100 });
    // Files that begin with entries 1 to 6, then 3 and 4 again, each taking back what was before.
    for (const from of [1, 2, 3, 4, 5, 6, 3, 4, 5, 4]) {
      await storage.write([write({ hardState: hardState(2), entries: entries(from, from) })]);
    }
    await storage.saveSnapshot(snapshotMeta(4, 1, new Uint8Array()), chunksOf("state"));
    left = crashes;
    const isWhole = await storage.compact(logIndex(4), 0).then(
      () => true,
      () => false,
    );
    left = Infinity;
    const copy = await crashCopy(dir);
    await storage.close();

    await withStorage(copy, (reopened) => {
      expect(reopened.lastIndex()).toBe(4);
      expect(reopened.hardState).toEqual(hardState(2));
      expect(allEntries(reopened)).toHaveLength(5 - reopened.firstIndex());
    });
    if (isWhole) break;
    crashes += 1;
  }
  expect(crashes).toBeGreaterThan(10);
});

test("after a failed sync nothing is tried again", async () => {
  const dir = await newFolder();
  let isBroken = false;
  const steps: string[] = [];
  const files = watchedFileSystem((step) => {
    if (!isBroken) return;
    steps.push(step);
    if (step === "sync") throw Object.assign(new Error("no space"), { code: "ENOSPC" });
  });
  const storage = await openNew(dir, { files });
  await storage.write([write({ entries: entries(1, 2) })]);
  isBroken = true;

  const failure: unknown = await storage
    .write([write({ entries: entries(3, 4) })])
    .catch((error: unknown) => error);

  expect(failure).toBeInstanceOf(StorageFailure);
  expect(failure).toMatchObject({ message: expect.stringContaining("free some space") as string });
  await expect(storage.write([write({ entries: entries(3, 4) })])).rejects.toBe(failure);
  await expect(storage.compact(logIndex(1), 0)).rejects.toBe(failure);
  expect(steps).toEqual(["write", "sync"]);
  expect(storage.lastIndex()).toBe(2);
  isBroken = false;
  await storage.close();
  await expect(storage.write([])).rejects.toBeInstanceOf(StorageClosed);
});

test("a folder is open once, and free again when it is closed", async () => {
  const dir = await newFolder();
  const storage = await openNew(dir);

  const second = openRaftStorage({ dir });

  await expect(second).rejects.toBeInstanceOf(DataFolderLocked);
  await expect(second).rejects.toMatchObject({ dir, pid: process.pid });
  await storage.close();
  expect(await withStorage(dir, ({ identity }) => identity?.serverId)).toBe("a");
});

test("the lock of a process that was killed, or whose pid is another's now, is taken over", async () => {
  const dir = await newFolder();
  await openNew(dir).then((storage) => storage.close());
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
  await once(child, "spawn");
  const pid = child.pid ?? 0;
  child.kill("SIGKILL");
  await once(child, "exit");
  await mkdir(dir, { recursive: true });
  const left = { ...ownHolder(false), pid, startTime: "1" };
  await writeFile(path.join(dir, `lock-${pid}-0123456789abcdef`), JSON.stringify(left));
  const isTold = process.platform === "linux";
  if (isTold) {
    const name = `lock-${process.ppid}-0123456789abcdef`;
    await writeFile(path.join(dir, name), JSON.stringify({ ...left, pid: process.ppid }));
  }

  await withStorage(dir, async () => {
    const locks = (await readdir(dir)).filter((name) => name.startsWith("lock-"));
    expect(locks).toHaveLength(1);
    expect(locks[0]).toContain(`lock-${process.pid}-`);
  });
});

test("of many that open a folder at once, one at most gets it", async () => {
  const dir = await newFolder();
  await openNew(dir).then((storage) => storage.close());

  const outcomes = await Promise.allSettled(
    Array.from({ length: 5 }, () => openRaftStorage({ dir })),
  );

  const opened = outcomes.filter((outcome) => outcome.status === "fulfilled");
  expect(opened.length).toBeLessThanOrEqual(1);
  for (const outcome of outcomes) {
    if (outcome.status === "rejected") expect(outcome.reason).toBeInstanceOf(DataFolderLocked);
    else await outcome.value.close();
  }
  await withStorage(dir, () => undefined);
});

test("rubbish behind the last write is cut off", async () => {
  const dir = await newFolder();
  const storage = await openNew(dir);
  await storage.write([write({ entries: entries(1, 2) })]);
  await storage.close();
  await appendFile(lastOf(await segmentsOf(dir)), Buffer.alloc(5000, 0x52));

  expect(await withStorage(dir, (opened) => opened.lastIndex())).toBe(2);
});
