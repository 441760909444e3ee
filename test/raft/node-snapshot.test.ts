// A node that takes a snapshot in, chunk by chunk, and what waits for its index meanwhile.
import { expect, test, vi } from "vitest";
import { emptyMembership, type Entry, logIndex, nodeId, term } from "../../src/raft/index.js";
import { encodeMembership } from "../../src/raft/core/index.js";
import { gate } from "./journal-machine.js";
import { LoneFollower, type Snapshot, snapshotOf } from "./lone-follower.js";

/** Takes more than one chunk to send, and to read. */
function largeSnapshot(index: number, word: string): Snapshot {
  return snapshotOf(
    index,
    Array.from({ length: 40_000 }, (_, at) => `${word} ${at} of many`),
  );
}

function command(index: number, text: string): Entry {
  return { index: logIndex(index), term: term(1), kind: "command", data: Buffer.from(text) };
}

test("a read is answered by the snapshot that reaches its index", async () => {
  // given a follower whose read has its index, and waits for it to be applied
  const follower = await LoneFollower.start();
  follower.hearHeartbeat();
  const read = follower.node.readIndex();
  const { requestId } = await follower.untilSent("read-index-request");
  follower.hearReadIndex(requestId, 10);

  // when a snapshot at that index comes in
  follower.hearSnapshot(snapshotOf(10, ["one", "two"]));

  // then the read is answered
  expect(await read).toBe(10);
  expect(follower.machine.applied).toEqual(["one", "two"]);
});

test("entries behind a snapshot are acknowledged while it is restored, and applied after it", async () => {
  const follower = await LoneFollower.start();
  const { closed, open } = gate();
  follower.machine.restoreGate = closed;
  follower.hearSnapshot(snapshotOf(10, ["one"]));
  await vi.waitUntil(() => follower.machine.restoresBegun === 1);

  follower.hearEntries([command(11, "two"), command(12, "three")]);

  const { result } = await follower.untilSent("append-response");
  expect(result).toEqual({ success: true, matchIndex: 12 });
  expect(follower.node.appliedIndex).toBe(0);
  open();
  await vi.waitUntil(() => follower.node.appliedIndex === 12);
  expect(follower.machine.applied).toEqual(["one", "two", "three"]);
});

test("a snapshot that comes in while another one is read takes its place", async () => {
  // given a restore that has read a part of its snapshot
  const follower = await LoneFollower.start();
  const { closed, open } = gate();
  follower.machine.restoreGate = closed;
  follower.hearSnapshot(largeSnapshot(10, "old"));
  await vi.waitUntil(() => follower.machine.restoresBegun === 1);

  // when entries, and a snapshot that covers them, come in before it goes on
  follower.hearEntries([command(11, "covered")]);
  follower.hearSnapshot(snapshotOf(20, ["new"]));
  await vi.waitUntil(() => follower.node.snapshotIndex === 20);
  open();

  // then only the newer one is restored
  await vi.waitUntil(() => follower.node.appliedIndex === 20);
  expect(follower.machine.restored).toEqual([20]);
  expect(follower.machine.applied).toEqual(["new"]);
});

test("a transfer that a restart of the receiver breaks off begins again at its first byte", async () => {
  // given a receiver that had a part of the snapshot
  const snapshot = largeSnapshot(10, "state");
  const half = snapshot.data.byteLength / 2;
  const before = await LoneFollower.start();
  before.hearSnapshot(snapshot, 0, half);
  expect((await before.untilSent("snapshot-response")).result).toEqual({
    kind: "progress",
    nextOffset: half,
  });
  const after = await before.restart();

  // when the leader goes on where it was
  after.hearSnapshot(snapshot, half);

  // then it is told to begin again, and the whole arrives
  expect((await after.untilSent("snapshot-response")).result).toEqual({
    kind: "progress",
    nextOffset: 0,
  });
  after.sent.splice(0);
  after.hearSnapshot(snapshot, 0, half);
  expect((await after.untilSent("snapshot-response")).result).toEqual({
    kind: "progress",
    nextOffset: half,
  });
  after.hearSnapshot(snapshot, half);
  await vi.waitUntil(() => after.node.appliedIndex === 10);
  expect(after.machine.applied).toHaveLength(40_000);
});

test("a received snapshot is what the node starts from the next time", async () => {
  const before = await LoneFollower.start();
  before.hearSnapshot(snapshotOf(10, ["one"]));
  await vi.waitUntil(() => before.node.appliedIndex === 10);
  before.hearEntries([command(11, "two")]);
  await vi.waitUntil(() => before.node.appliedIndex === 11);

  const after = await before.restart();
  await vi.waitUntil(() => after.node.appliedIndex >= 10);

  expect(after.machine.restored).toEqual([10]);
  expect(after.storage.lastIndex()).toBe(11);
});

test("no snapshot is taken before a server that joined knows its configuration", async () => {
  // given a server that joins, and a log that begins before it did
  const follower = await LoneFollower.start(emptyMembership);
  follower.hearEntries([command(1, "one"), command(2, "two")]);
  await vi.waitUntil(() => follower.node.appliedIndex === 2);
  expect(await follower.node.takeSnapshot()).toBeUndefined();

  // when the log tells the configuration
  const voters = [{ id: nodeId("b"), address: "host-b:1" }];
  const data = encodeMembership({ ...emptyMembership, voters });
  follower.hearEntries([{ index: logIndex(3), term: term(1), kind: "membership", data }]);
  await vi.waitUntil(() => follower.node.appliedIndex === 3);

  // then the snapshot names it
  expect(await follower.node.takeSnapshot()).toMatchObject({ index: 3, membership: { voters } });
  expect(follower.node.membershipAt(logIndex(3))?.voters).toEqual(voters);
});

test("a snapshot that does not match its checksum is refused, and the log stays", async () => {
  const follower = await LoneFollower.start();
  follower.hearEntries([command(1, "one")]);
  await follower.untilSent("append-response");
  const { meta, data } = snapshotOf(10, ["two"]);

  follower.hearSnapshot({ meta: { ...meta, checksum: (meta.checksum ^ 1) >>> 0 }, data });

  const { result } = await follower.untilSent("snapshot-response");
  expect(result).toEqual({ kind: "corrupt" });
  expect(follower.node.status()).toMatchObject({ commit: 1, lastIndex: 1 });
  expect(follower.node.snapshotIndex).toBe(0);
});
