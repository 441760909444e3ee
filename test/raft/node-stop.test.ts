// What waits for a node when it stops, and what is asked of it later: all of it is told so.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { NodeStopped, nodeId, ProposalRefused } from "../../src/raft/index.js";
import { InMemoryCluster, type Server } from "./in-memory-cluster.js";

let cluster: InMemoryCluster;
let leader: Server;

beforeEach(async () => {
  cluster = await InMemoryCluster.start();
  leader = await vi.waitFor(() => cluster.leader(), { timeout: 20_000, interval: 10 });
});

afterEach(() => cluster.stop());

const COMMAND = Buffer.from("command");

test("what waits when the node stops is rejected", async () => {
  // given a leader whose followers are gone
  const followers = [...cluster.servers.keys()].filter((id) => id !== leader.id);
  const gone = followers.map((id) => cluster.stopServer(id));
  const { node } = leader;
  const waiting = [
    node.commit(COMMAND),
    node.readIndex(),
    node.changeMembership([{ kind: "remove", id: nodeId("c") }]),
    node.transferLeadership(),
  ];
  const outcomes = Promise.allSettled(waiting);

  await node.stop();

  await Promise.all(gone);
  for (const outcome of await outcomes) {
    expect(outcome).toMatchObject({
      status: "rejected",
      reason: expect.any(NodeStopped) as unknown,
    });
  }
});

test("what is asked of a node that has stopped is refused", async () => {
  const { node } = leader;
  await node.stop();

  await expect(node.commit(COMMAND)).rejects.toThrow(NodeStopped);
  await expect(node.readIndex()).rejects.toThrow(NodeStopped);
  await expect(node.changeMembership([])).rejects.toThrow(NodeStopped);
  await expect(node.transferLeadership()).rejects.toThrow(NodeStopped);
  await expect(node.takeSnapshot()).rejects.toThrow(NodeStopped);
  await expect(node.whenLed()).rejects.toThrow(NodeStopped);
  expect(node.propose(COMMAND)).toMatchObject({ kind: "refused", reason: "stopped" });
});

test("a follower refuses a commit and names the leader", async () => {
  const refusal = cluster.follower().node.commit(COMMAND);

  await expect(refusal).rejects.toThrow(ProposalRefused);
  await expect(refusal).rejects.toMatchObject({ reason: "not-leader", leader: leader.id });
});

test("whoever waits for a leader is told who it is, and a transfer who the next one is", async () => {
  const to = cluster.follower();

  expect(await to.node.whenLed()).toBe(leader.id);
  expect(await leader.node.transferLeadership(to.id)).toBe(to.id);
});
