// A node that takes a snapshot in: what waits for its index goes on once the state machine has it.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test, vi } from "vitest";
import { crc32c } from "../../src/raft/storage/crc32c.js";
import {
  logIndex,
  type Message,
  nodeId,
  openRaftStorage,
  RaftNode,
  term,
} from "../../src/raft/index.js";

const [A, B, C] = [nodeId("a"), nodeId("b"), nodeId("c")];
const MEMBERSHIP = {
  voters: [A, B, C].map((id) => ({ id, address: `host-${id}:1` })),
  outgoing: [],
  learners: [],
  learnersNext: [],
};
const ENVELOPE = { from: B, to: A, term: term(1) };

test("a read is answered by the snapshot that reaches its index", async () => {
  // given a follower whose read has its index, and waits for it to be applied
  const folder = await mkdtemp(path.join(tmpdir(), "raft-node-"));
  const storage = await openRaftStorage({ dir: path.join(folder, "a") });
  await storage.initialise({ serverId: "a", meshId: "test" }, MEMBERSHIP);
  const sent: Message[] = [];
  const node = new RaftNode({
    id: A,
    log: storage,
    transport: { send: (messages) => sent.push(...messages) },
    stateMachine: { apply: () => undefined, restore: () => Promise.resolve() },
    // No tick comes in this test: nothing but the snapshot can end the wait.
    tickMs: 1_000_000,
    electionTicks: 10,
    heartbeatTicks: 1,
    maxEntriesBytes: 64 * 1024,
    maxInflightMessages: 16,
    maxUncommittedBytes: 1024 * 1024,
    random: Math.random,
    onFatal: (error) => {
      throw error;
    },
  });
  node.start();
  node.receive([{ ...ENVELOPE, kind: "heartbeat", commit: logIndex(0), readRound: 0 }]);
  const read = node.readIndex();
  const settled = vi.fn();
  read.then(settled, settled);
  const request = await vi.waitUntil(() =>
    sent.find((message) => message.kind === "read-index-request"),
  );
  const { requestId } = request;
  node.receive([{ ...ENVELOPE, kind: "read-index-response", requestId, readIndex: logIndex(10) }]);

  // when a snapshot at that index comes in
  const data = Buffer.from("state");
  const meta = {
    index: logIndex(10),
    term: term(1),
    membership: MEMBERSHIP,
    sizeBytes: data.byteLength,
    checksum: crc32c(data),
  };
  node.receive([{ ...ENVELOPE, kind: "snapshot-chunk", meta, offset: 0, data, done: true }]);
  await vi.waitUntil(() => node.appliedIndex === 10);

  // then the read is answered
  await vi.waitFor(() => expect(settled).toHaveBeenCalledWith(10));
  await node.stop();
  await storage.close();
  await rm(folder, { recursive: true, force: true });
});
