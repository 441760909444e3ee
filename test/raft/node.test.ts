// Raft nodes with a real clock and real disks: the driver keeps the promises of the core.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Proposal } from "../../src/raft/index.js";
import { InMemoryCluster, type Server } from "./in-memory-cluster.js";

let cluster: InMemoryCluster;

beforeEach(async () => {
  cluster = await InMemoryCluster.start();
});

afterEach(async () => {
  const fatal = [...cluster.servers.values()].flatMap((server) => server.fatal);
  await cluster.stop();
  expect(fatal).toEqual([]);
});

const PATIENCE = { timeout: 20_000, interval: 10 };

function untilLed(): Promise<Server> {
  return vi.waitFor(() => cluster.leader(), PATIENCE);
}

function accepted(proposal: Proposal): Promise<void> {
  if (proposal.kind === "refused") throw new Error(`refused: ${proposal.reason}`);
  return proposal.committed;
}

async function propose(server: Server, ...commands: readonly string[]): Promise<void> {
  await Promise.all(commands.map((text) => accepted(server.node.propose(Buffer.from(text)))));
}

async function untilAllApplied(commands: readonly string[]): Promise<void> {
  await vi.waitFor(() => {
    for (const { applied } of cluster.servers.values()) expect(applied).toEqual(commands);
  }, PATIENCE);
}

test("three nodes elect a leader and apply what it is given, in one order", async () => {
  const leader = await untilLed();

  await propose(leader, "one", "two", "three");

  await untilAllApplied(["one", "two", "three"]);
});

test("a follower refuses proposals and names the leader", async () => {
  const leader = await untilLed();
  const follower = [...cluster.servers.values()].find(({ id }) => id !== leader.id);

  const proposal = follower?.node.propose(Buffer.from("here?"));

  expect(proposal).toEqual({ kind: "refused", reason: "not-leader", leader: leader.id });
});

test("proposals of one moment share a write, and all are told of their commit", async () => {
  const leader = await untilLed();
  await propose(leader, "first");
  const before = leader.writes;
  const commands = Array.from({ length: 500 }, (_, at) => `command ${at}`);

  await propose(leader, ...commands);

  expect(leader.writes - before).toBeLessThan(20);
  await untilAllApplied(["first", ...commands]);
});

test("every node comes back from its disk, one after the other, the leader too", async () => {
  await propose(await untilLed(), "before");
  const commands = ["before"];
  for (const id of [...cluster.servers.keys()]) {
    await cluster.stopServer(id);
    const text = `without ${id}`;
    await propose(await untilLed(), text);
    commands.push(text);
    const restarted = await cluster.startServer(id);

    await vi.waitFor(() => expect(restarted.applied).toEqual(commands), PATIENCE);
  }
  await untilAllApplied(commands);
});

test("after all were stopped at once, nothing that was acknowledged is missing", async () => {
  const commands = Array.from({ length: 50 }, (_, at) => `command ${at}`);
  await propose(await untilLed(), ...commands);
  const ids = [...cluster.servers.keys()];
  for (const id of ids) await cluster.stopServer(id);
  for (const id of ids) await cluster.startServer(id);

  await propose(await untilLed(), "after");

  await untilAllApplied([...commands, "after"]);
});

test("a read waits for what was committed before it", async () => {
  const leader = await untilLed();
  const follower = [...cluster.servers.values()].find(({ id }) => id !== leader.id);
  await propose(leader, "written");

  const index = await follower?.node.readIndex();

  expect(follower?.node.appliedIndex).toBeGreaterThanOrEqual(index ?? Infinity);
  expect(follower?.applied).toEqual(["written"]);
});
