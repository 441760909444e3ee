// A compaction that comes while the log begins a new segment: what the new one is to take the place
// of stays until it is on disk.
import { readdir } from "node:fs/promises";
import { expect, test } from "vitest";
import { type FileSystem, logIndex } from "../../../src/raft/index.js";
import { nodeFileSystem } from "../../../src/raft/storage/index.js";
import {
  allEntries,
  chunksOf,
  describeEntry,
  entries,
  newFolder,
  openNew,
  snapshotMeta,
  withStorage,
  write,
} from "./support.js";

/** Segments that a folder holds. */
async function segments(dir: string): Promise<string[]> {
  return (await readdir(dir)).filter((name) => name.startsWith("log-")).sort();
}

/** Syncs of the second segment wait for `gate`; `reached` resolves when one does. */
function slowSecondSegment(gate: Promise<void>): { files: FileSystem; reached: Promise<void> } {
  let reach: () => void = () => undefined;
  const reached = new Promise<void>((resolve) => {
    reach = resolve;
  });
  const open: FileSystem["open"] = async (name, mode) => {
    const file = await nodeFileSystem.open(name, mode);
    if (!name.endsWith("log-000000000002")) return file;
    return {
      sizeBytes: file.sizeBytes,
      write: (bytes, position) => file.write(bytes, position),
      sync: async () => {
        reach();
        await gate;
        await file.sync();
      },
      truncate: (sizeBytes) => file.truncate(sizeBytes),
      read: (into, position) => file.read(into, position),
      readSync: (into, position) => file.readSync(into, position),
      tryLock: () => file.tryLock(),
      close: () => file.close(),
    };
  };
  return { files: { ...nodeFileSystem, open }, reached };
}

test("no segment goes while the one behind it is not yet on disk", async () => {
  // given a log of one segment, all of it covered by a snapshot
  const dir = await newFolder();
  let release: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const { files, reached } = slowSecondSegment(gate);
  const storage = await openNew(dir, { files, segmentBytes: 300 });
  await storage.write([write({ entries: entries(1, 4) })]);
  await storage.saveSnapshot(snapshotMeta(4, 1, new Uint8Array()), chunksOf("state"));

  // when it is compacted while a second segment is on its way to the disk
  const writing = storage.write([write({ entries: entries(5, 8) })]);
  await reached;
  await storage.compact(logIndex(4), 0);
  const during = await segments(dir);
  release();
  await writing;
  await storage.compact(logIndex(4), 0);

  // then the first one went only afterwards, and the log is whole
  expect(during).toEqual(["log-000000000001", "log-000000000002"]);
  expect(await segments(dir)).toEqual(["log-000000000002"]);
  await storage.close();
  const found = await withStorage(dir, (opened) => allEntries(opened).map(describeEntry));
  expect(found).toEqual(entries(5, 8).map(describeEntry));
});
