// What a node promises, a vote or an acknowledgement, leaves once it is on disk and not before; the rest
// does not wait for that.
import { expect, test, vi } from "vitest";
import { logIndex, type Message, nodeId, term } from "../../src/raft/index.js";
import { gate } from "./journal-machine.js";
import { LoneFollower } from "./lone-follower.js";

const ENVELOPE = { from: nodeId("b"), to: nodeId("a"), term: term(1) };

const append: Message = {
  ...ENVELOPE,
  kind: "append-request",
  prevLogIndex: logIndex(0),
  prevLogTerm: term(0),
  entries: [{ index: logIndex(1), term: term(1), kind: "command", data: new Uint8Array(1) }],
  leaderCommit: logIndex(0),
};
const candidacy: Message = {
  ...ENVELOPE,
  kind: "vote-request",
  preVote: false,
  lastLogIndex: logIndex(0),
  lastLogTerm: term(0),
  transfer: false,
};

test.each([
  ["an acknowledgement", append, "append-response"],
  ["a vote", candidacy, "vote-response"],
] as const)("%s waits for the disk", async (_, request, promise) => {
  const follower = await LoneFollower.start();
  const { closed, open } = gate();
  const write = follower.storage.write.bind(follower.storage);
  const writing = vi.spyOn(follower.storage, "write").mockImplementation(async (writes) => {
    await closed;
    return write(writes);
  });
  const kinds = (): string[] => follower.sent.map(({ kind }) => kind);

  follower.node.receive([request]);
  await vi.waitUntil(() => writing.mock.calls.length === 1);
  follower.hearHeartbeat();
  await follower.untilSent("heartbeat-response");

  expect(kinds()).not.toContain(promise);
  open();
  await follower.untilSent(promise);
  expect(follower.storage.hardState.term).toBe(1);
});
