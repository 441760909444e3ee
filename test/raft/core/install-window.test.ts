// While the disk replaces the log by a snapshot that came in, and the core is not told yet, nobody
// may ask the disk for what stood there before.
import { expect, it } from "vitest";
import { logIndex, nodeId, RaftCore, term } from "../../../src/raft/core/index.js";
import { membershipOf } from "../../support/raft-scenario-cluster.js";
import { ScenarioDisk } from "../../support/raft-scenario-disk.js";
import type { Message, Term, Write } from "../../../src/raft/core/index.js";

const [A, B, C] = [nodeId("A"), nodeId("B"), nodeId("C")];
const MEMBERSHIP = membershipOf([A, B, C]);

/** A server with a log of some entries, committed up to `commit`, that hands out one at a time. */
function start(commit: number, entries = 3): { core: RaftCore; disk: ScenarioDisk } {
  const disk = new ScenarioDisk();
  disk.prepare(Array<Term>(entries).fill(term(1)), term(1), undefined);
  disk.hardState = { ...disk.hardState, commit: logIndex(commit) };
  const core = new RaftCore({
    id: A,
    log: disk,
    hardState: disk.hardState,
    membership: MEMBERSHIP,
    applied: logIndex(0),
    random: () => 0,
    maxApplyingBytes: 1,
  });
  return { core, disk };
}

const wholeSnapshot: Message = {
  kind: "snapshot-chunk",
  from: B,
  to: A,
  term: term(2),
  meta: {
    index: logIndex(10),
    term: term(2),
    membership: MEMBERSHIP,
    sizeBytes: 4,
    checksum: 0,
  },
  offset: 0,
  data: new Uint8Array(4),
  done: true,
};

/** The disk holds the snapshot and nothing else; the core has not heard of that. */
function replaceOnDisk(core: RaftCore, disk: ScenarioDisk): Write {
  core.step(wholeSnapshot);
  const { write } = core.ready();
  if (write === undefined) throw new Error("the snapshot is not written");
  disk.write(write);
  return write;
}

it("answers a vote request by the log that it knows", () => {
  const { core, disk } = start(0);
  replaceOnDisk(core, disk);

  core.step({
    kind: "vote-request",
    from: C,
    to: A,
    term: term(3),
    preVote: true,
    lastLogIndex: logIndex(10),
    lastLogTerm: term(2),
    transfer: false,
  });

  expect(core.ready().messages).toMatchObject([{ kind: "vote-response", to: C, granted: false }]);
});

it("hands out no entries of the replaced log, and the snapshot in their place", () => {
  const { core, disk } = start(3);
  expect(core.ready().committed).toHaveLength(1);
  const { sequence } = replaceOnDisk(core, disk);

  core.applied(logIndex(1));
  expect(core.hasReady()).toBe(false);
  core.persisted(sequence);

  expect(core.ready()).toMatchObject({ restore: { index: 10 }, committed: [] });
});

it("does not campaign: its log is about to be another one", () => {
  const { core, disk } = start(0);
  replaceOnDisk(core, disk);

  for (let tick = 0; tick < 40; tick += 1) core.tick();
  core.step({ kind: "timeout-now", from: B, to: A, term: term(2) });

  expect(core.status().role).toBe("follower");
  expect(core.ready().messages.filter(({ kind }) => kind === "vote-request")).toEqual([]);
});

it("takes a write behind the snapshot's for none of the entries that gave way to it", () => {
  const { core, disk } = start(0, 15);
  const installs = replaceOnDisk(core, disk);
  // given a write, of a new term, that was handed out while the log still ended at 15
  core.step({
    kind: "heartbeat",
    from: C,
    to: A,
    term: term(3),
    commit: logIndex(0),
    readRound: 0,
  });
  const { write } = core.ready();

  core.persisted(installs.sequence);
  core.persisted(write?.sequence ?? 0);

  expect(core.status()).toMatchObject({ lastIndex: 10, persistedIndex: 10 });
});

it("hands out the end of a snapshot apart from entries", () => {
  const { core } = start(0);
  core.step({
    kind: "append-request",
    from: B,
    to: A,
    term: term(2),
    prevLogIndex: logIndex(3),
    prevLogTerm: term(1),
    entries: [{ index: logIndex(4), term: term(2), kind: "noop", data: new Uint8Array(0) }],
    leaderCommit: logIndex(0),
  });
  core.step(wholeSnapshot);

  const writes = [core.ready().write, core.ready().write];

  expect(writes[0]).toMatchObject({ entries: [{ index: 4 }], snapshotChunk: undefined });
  expect(writes[1]).toMatchObject({ entries: [], snapshotChunk: { done: true } });
});
