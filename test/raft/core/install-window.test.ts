// While the disk replaces the log by a snapshot that came in, and the core is not told yet, nobody
// may ask the disk for what stood there before.
import { expect, it } from "vitest";
import { logIndex, nodeId, RaftCore, term } from "../../../src/raft/core/index.js";
import { membershipOf } from "../../support/raft-scenario-cluster.js";
import { ScenarioDisk } from "../../support/raft-scenario-disk.js";
import type { Message, Write } from "../../../src/raft/core/index.js";

const [A, B, C] = [nodeId("A"), nodeId("B"), nodeId("C")];
const MEMBERSHIP = membershipOf([A, B, C]);

/** A server with a log of three entries, committed up to `commit`, that hands out one at a time. */
function start(commit: number): { core: RaftCore; disk: ScenarioDisk } {
  const disk = new ScenarioDisk();
  disk.prepare([term(1), term(1), term(1)], term(1), undefined);
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
