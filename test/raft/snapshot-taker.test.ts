// When a snapshot is due, and what may put it off.
import { beforeEach, expect, test } from "vitest";
import { type DurableLog, emptyMembership, logIndex, nodeId, term } from "../../src/raft/index.js";
import { SnapshotTaker } from "../../src/raft/snapshot-taker.js";

const EVERY_ENTRIES = 10;
const MEMBERSHIP = { ...emptyMembership, voters: [{ id: nodeId("a"), address: "" }] };

let applied: number;
let isSending: boolean;
let saved: number[];
let taker: SnapshotTaker;

beforeEach(() => {
  applied = 0;
  isSending = false;
  saved = [];
  taker = new SnapshotTaker({
    log: logInMemory(),
    stateMachine: { snapshot: (index) => ({ index, content: [Buffer.from("state")] }) },
    policy: { everyEntries: EVERY_ENTRIES, everyBytes: 1_000, keepEntries: 0 },
    applier: {
      get appliedIndex() {
        return logIndex(applied);
      },
      isRestoring: false,
    },
    core: {
      membershipAt: () => MEMBERSHIP,
      status: () => ({ peers: [{ snapshotOffset: isSending ? 0 : undefined }] }),
    },
    onFailed: fail,
    onFatal: fail,
  });
});

function fail(error: unknown): never {
  throw error;
}

function logInMemory(): DurableLog {
  return {
    hardState: { term: term(1), vote: undefined, commit: logIndex(0) },
    membership: MEMBERSHIP,
    firstIndex: () => logIndex(1),
    lastIndex: () => logIndex(applied),
    term: () => term(1),
    entries: () => [],
    snapshot: () => undefined,
    snapshotChunk: () => undefined,
    write: () => Promise.resolve([]),
    compact: () => Promise.resolve(),
    saveSnapshot: (subject) => {
      saved.push(subject.index);
      return Promise.resolve({ ...subject, sizeBytes: 0, checksum: 0 });
    },
  };
}

function apply(count: number, bytes = 0): void {
  const data = Buffer.alloc(bytes);
  for (let done = 0; done < count; done += 1) {
    applied += 1;
    taker.noteApplied([{ index: logIndex(applied), term: term(1), kind: "command", data }]);
  }
}

/** Ticks, and lets what that began come to its end. */
async function tick(): Promise<void> {
  taker.tick();
  await taker.settled();
}

test("one is due after so many entries, and then again", async () => {
  apply(EVERY_ENTRIES - 1);
  await tick();
  expect(saved).toEqual([]);

  apply(1);
  await tick();
  await tick();
  expect(saved).toEqual([10]);

  apply(EVERY_ENTRIES);
  await tick();
  expect(saved).toEqual([10, 20]);
});

test("one is due after so many bytes", async () => {
  apply(2, 500);

  await tick();

  expect(saved).toEqual([2]);
});

test("one that is due waits while the last one is sent to a follower, but not for ever", async () => {
  isSending = true;
  apply(3 * EVERY_ENTRIES);
  await tick();
  expect(saved).toEqual([]);

  apply(EVERY_ENTRIES);
  await tick();
  expect(saved).toEqual([40]);
});

test("one that is sent no more lets the next one be taken", async () => {
  isSending = true;
  apply(EVERY_ENTRIES);
  await tick();
  isSending = false;

  await tick();

  expect(saved).toEqual([10]);
});

test("two that ask at once get the same one", async () => {
  apply(3);

  const [one, other] = await Promise.all([taker.take(), taker.take()]);

  expect(one).toBe(other);
  expect(saved).toEqual([3]);
});
