// Entries and snapshots on their way to the state machine: what waits, what is dropped, what ends it.
import { beforeEach, expect, test, vi } from "vitest";
import {
  emptyMembership,
  type Entry,
  logIndex,
  NodeStopped,
  type SnapshotMeta,
  term,
} from "../../src/raft/index.js";
import { Applier } from "../../src/raft/applier.js";
import { SnapshotContent } from "../../src/raft/snapshot-content.js";
import { broken, gate, Journal } from "./journal-machine.js";

/** What the disk holds: the newest snapshot, in chunks of one line each. */
let onDisk: { readonly meta: SnapshotMeta; readonly data: Buffer } | undefined;
let machine: Journal;
let stopping: AbortController;
let happened: string[];
let fatal: unknown[];

beforeEach(() => {
  onDisk = undefined;
  machine = new Journal();
  stopping = new AbortController();
  happened = [];
  fatal = [];
});

function putOnDisk(index: number, lines: readonly string[]): SnapshotMeta {
  const data = Buffer.from(lines.map((line) => `${line}\n`).join(""));
  const position = { index: logIndex(index), term: term(1), membership: emptyMembership };
  onDisk = { meta: { ...position, sizeBytes: data.byteLength, checksum: 0 }, data };
  return onDisk.meta;
}

function readLine(meta: SnapshotMeta, offset: number): Uint8Array | undefined {
  if (onDisk?.meta !== meta) return undefined;
  return onDisk.data.subarray(offset, onDisk.data.indexOf("\n", offset) + 1);
}

function createApplier(): Applier {
  return new Applier({
    log: { snapshot: () => onDisk?.meta, snapshotChunk: readLine },
    stateMachine: machine,
    signal: stopping.signal,
    beforeRestore: () => {
      happened.push("before restore");
      return Promise.resolve();
    },
    onApplied: (index) => happened.push(`applied ${index}`),
    onFatal: (error) => fatal.push(error),
  });
}

function entry(index: number, text: string): Entry {
  return { index: logIndex(index), term: term(1), kind: "command", data: Buffer.from(text) };
}

test("entries wait until the snapshot on disk is restored", async () => {
  putOnDisk(10, ["one", "two"]);
  const applier = createApplier();
  applier.apply([entry(11, "three")]);
  expect(happened).toEqual([]);

  applier.start();
  await applier.settled();

  expect(happened).toEqual(["before restore", "applied 10", "applied 11"]);
  expect(machine.applied).toEqual(["one", "two", "three"]);
});

test("entries that waited for a snapshot are dropped with it where a newer one covers them", async () => {
  const { closed, open } = gate();
  machine.restoreGate = closed;
  const applier = createApplier();
  applier.restore(putOnDisk(10, ["old"]));
  applier.apply([entry(11, "covered")]);
  await vi.waitUntil(() => machine.restoresBegun === 1);

  applier.restore(putOnDisk(20, ["new"]));
  applier.apply([entry(21, "newest")]);
  open();
  await applier.settled();

  expect(machine.applied).toEqual(["new", "newest"]);
  expect(happened).not.toContain("applied 11");
});

test("a snapshot that is replaced on disk while it is read is no failure: a newer one is coming", async () => {
  const { closed, open } = gate();
  machine.restoreGate = closed;
  const applier = createApplier();
  applier.restore(putOnDisk(10, ["old", "older"]));
  await vi.waitUntil(() => machine.restoresBegun === 1);
  const newer = putOnDisk(20, ["new"]);
  open();
  await applier.settled();
  expect(applier.isRestoring).toBe(true);

  applier.restore(newer);
  await applier.settled();

  expect(fatal).toEqual([]);
  expect(machine.restored).toEqual([20]);
});

test("a state machine that cannot be restored ends the node", async () => {
  const failure = new Error("not a snapshot of mine");
  machine.restoreGate = broken(failure);
  const applier = createApplier();

  applier.restore(putOnDisk(10, ["one", "two"]));
  await applier.settled();

  expect(fatal).toEqual([failure]);
  expect(happened).not.toContain("applied 10");
});

test("nothing is applied once the node stops", async () => {
  const { closed, open } = gate();
  machine.restoreGate = closed;
  const applier = createApplier();
  applier.restore(putOnDisk(10, ["one"]));
  await vi.waitUntil(() => machine.restoresBegun === 1);

  stopping.abort();
  open();
  await applier.settled();

  expect(applier.appliedIndex).toBe(0);
  expect(happened).toEqual(["before restore"]);
});

test("between two chunks of a snapshot the event loop gets its turn", async () => {
  const meta = putOnDisk(10, ["one", "two", "three"]);
  const content = new SnapshotContent({ snapshotChunk: readLine }, meta, stopping.signal);
  const order: string[] = [];

  for await (const chunk of content) {
    order.push(Buffer.from(chunk).toString().trim());
    setImmediate(() => order.push("a turn"));
  }

  expect(order).toEqual(["one", "a turn", "two", "a turn", "three", "a turn"]);
});

test("the content of a snapshot ends where the node stops", async () => {
  const meta = putOnDisk(10, ["one", "two"]);
  const content = new SnapshotContent({ snapshotChunk: readLine }, meta, stopping.signal);
  const chunks = content[Symbol.asyncIterator]();
  await chunks.next();

  stopping.abort();

  await expect(chunks.next()).rejects.toThrow(NodeStopped);
});
