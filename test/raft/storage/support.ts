// What the tests of the storage share: folders of their own, entries, writes, and a file system that
// stops at a chosen step.
import { cp, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { onTestFinished } from "vitest";
import type { RaftStorage } from "../../../src/raft/index.js";
import {
  type Entry,
  type FileSystem,
  type HardState,
  logIndex,
  type Membership,
  nodeId,
  openRaftStorage,
  type RaftStorageOptions,
  type SnapshotMeta,
  term,
} from "../../../src/raft/index.js";
import type { Write } from "../../../src/raft/core/index.js";
import { crc32c } from "../../../src/raft/storage/crc32c.js";
import { nodeFileSystem, type OpenFile } from "../../../src/raft/storage/index.js";

export const MEMBERSHIP: Membership = {
  voters: [{ id: nodeId("a"), address: "host-a:1" }],
  outgoing: [],
  learners: [],
  learnersNext: [],
};
export const IDENTITY = { serverId: "a", meshId: "mesh" } as const;

export async function newFolder(): Promise<string> {
  const dir = await mkdtemp(path.join(tmpdir(), "raft-storage-"));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return path.join(dir, "node-a", "raft");
}

type Settings = Omit<RaftStorageOptions, "dir">;

export async function openNew(dir: string, settings: Settings = {}): Promise<RaftStorage> {
  const storage = await openRaftStorage({ dir, ...settings });
  await storage.initialise(IDENTITY, MEMBERSHIP);
  return storage;
}

/** Opens, looks, closes. */
export async function withStorage<Result>(
  dir: string,
  look: (storage: RaftStorage) => Promise<Result> | Result,
  settings: Settings = {},
): Promise<Result> {
  const storage = await openRaftStorage({ dir, ...settings });
  try {
    return await look(storage);
  } finally {
    await storage.close();
  }
}

/** The folder as a crash would leave it: what is there, without the process that held it. */
export async function crashCopy(dir: string): Promise<string> {
  const copy = await newFolder();
  await cp(dir, copy, { recursive: true });
  for (const name of await readdir(copy)) {
    if (name.startsWith("lock-")) await rm(path.join(copy, name));
  }
  return copy;
}

export function entry(index: number, entryTerm: number, text = `command ${index}`): Entry {
  return {
    index: logIndex(index),
    term: term(entryTerm),
    kind: "command",
    data: new TextEncoder().encode(text),
  };
}

/** Entries from..to of one term. */
export function entries(from: number, to: number, entryTerm = 1, text?: string): Entry[] {
  return Array.from({ length: to - from + 1 }, (_, at) => entry(from + at, entryTerm, text));
}

export function hardState(stateTerm: number, vote?: string, commit = 0): HardState {
  return {
    term: term(stateTerm),
    vote: vote === undefined ? undefined : nodeId(vote),
    commit: logIndex(commit),
  };
}

export function write(parts: Partial<Write>): Write {
  return {
    sequence: 1,
    hardState: undefined,
    entries: [],
    snapshotChunk: undefined,
    messagesAfter: [],
    ...parts,
  };
}

export function allEntries(storage: RaftStorage): readonly Entry[] {
  const last = logIndex(storage.lastIndex() + 1);
  return storage.entries(storage.firstIndex(), last, Number.MAX_SAFE_INTEGER);
}

/** Everything that a reader can learn, in a form that can be compared. */
export function contents(storage: RaftStorage) {
  return {
    identity: storage.identity,
    hardState: storage.hardState,
    membership: storage.membership,
    firstIndex: storage.firstIndex(),
    lastIndex: storage.lastIndex(),
    termBefore: storage.term(logIndex(storage.firstIndex() - 1)),
    snapshot: storage.snapshot(),
    entries: allEntries(storage).map(describeEntry),
  };
}

export function describeEntry({ index, term: entryTerm, kind, data }: Entry): string {
  return `${index} t${entryTerm} ${kind} ${Buffer.from(data).toString("latin1")}`;
}

export function snapshotMeta(index: number, metaTerm: number, content: Uint8Array): SnapshotMeta {
  return {
    index: logIndex(index),
    term: term(metaTerm),
    membership: MEMBERSHIP,
    sizeBytes: content.byteLength,
    checksum: crc32c(content),
  };
}

/** The writes that bring a snapshot in, chunk by chunk. */
export function chunkWrites(meta: SnapshotMeta, content: Uint8Array, chunkBytes: number): Write[] {
  const writes: Write[] = [];
  for (let offset = 0; offset < content.byteLength; offset += chunkBytes) {
    const data = content.subarray(offset, offset + chunkBytes);
    const done = offset + chunkBytes >= content.byteLength;
    writes.push(write({ snapshotChunk: { meta, offset, data, done } }));
  }
  return writes;
}

export async function* chunksOf(...parts: readonly (Uint8Array | string)[]) {
  for (const part of parts) {
    await Promise.resolve();
    yield typeof part === "string" ? new TextEncoder().encode(part) : part;
  }
}

export type Step = "write" | "sync" | "truncate" | "create" | "rename" | "remove" | "sync-folder";

/** The real file system, which asks before every step that changes the disk. */
export function watchedFileSystem(before: (step: Step, file: string) => void): FileSystem {
  const asked = async <Result>(step: Step, file: string, run: () => Promise<Result>) => {
    before(step, file);
    return run();
  };
  const watch = (file: OpenFile, name: string): OpenFile => ({
    sizeBytes: file.sizeBytes,
    write: (bytes, position) => asked("write", name, () => file.write(bytes, position)),
    sync: () => asked("sync", name, () => file.sync()),
    truncate: (size) => asked("truncate", name, () => file.truncate(size)),
    read: (into, position) => file.read(into, position),
    readSync: (into, position) => file.readSync(into, position),
    tryLock: () => file.tryLock(),
    close: () => file.close(),
  });
  return {
    ...nodeFileSystem,
    open: async (file, mode) => {
      if (mode === "create") before("create", file);
      return watch(await nodeFileSystem.open(file, mode), file);
    },
    rename: (from, to) => asked("rename", to, () => nodeFileSystem.rename(from, to)),
    remove: (file) => asked("remove", file, () => nodeFileSystem.remove(file)),
    createFolder: (dir) => nodeFileSystem.createFolder(dir),
    syncFolder: (dir) => asked("sync-folder", dir, () => nodeFileSystem.syncFolder(dir)),
  };
}
