// A cluster that takes snapshots, lets its log go, and lives off both: after restarts, and for
// servers that lack what the log no longer has.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type LogIndex, logIndex, nodeId } from "../../src/raft/index.js";
import { InMemoryCluster, type Server } from "./in-memory-cluster.js";
import { broken, gate, Journal } from "./journal-machine.js";

const PATIENCE = { timeout: 20_000, interval: 10 };
const KEEP_ENTRIES = 50;
const EVERY_ENTRIES = 200;

let cluster: InMemoryCluster;
let snapshotFailures: unknown[];

beforeEach(async () => {
  snapshotFailures = [];
  cluster = await InMemoryCluster.start({
    segmentBytes: 4 * 1024,
    node: {
      snapshots: { everyEntries: EVERY_ENTRIES, keepEntries: KEEP_ENTRIES },
      onSnapshotFailed: (error) => snapshotFailures.push(error),
    },
  });
});

afterEach(async () => {
  for (const letGo of held.splice(0)) letGo();
  const fatal = [...cluster.servers.values()].flatMap((server) => server.fatal);
  await cluster.stop();
  expect(fatal).toEqual([]);
});

/** What is held up; a failed test must not leave it so. */
const held: (() => void)[] = [];

/** Holds something up, and returns how to let it go. */
function hold(wait: (closed: Promise<void>) => void): () => void {
  const { closed, open } = gate();
  held.push(open);
  wait(closed);
  return open;
}

function servers(): readonly Server[] {
  return [...cluster.servers.values()];
}

function untilLed(): Promise<Server> {
  return vi.waitFor(() => cluster.leader(), PATIENCE);
}

/** What was acknowledged, in order. */
const acknowledged: string[] = [];
beforeEach(() => void acknowledged.splice(0));

/** Commits that many commands, a few at a time. */
async function load(leader: Server, count: number): Promise<void> {
  for (let done = 0; done < count; done += 20) {
    const commands = Array.from({ length: 20 }, (_, at) => `${acknowledged.length + at}`);
    await Promise.all(commands.map((text) => leader.node.commit(Buffer.from(text))));
    acknowledged.push(...commands);
  }
}

/** Goes on until the leader's log no longer has what `index` needs next. */
async function loadUntilCompactedPast(index: LogIndex): Promise<void> {
  const leader = await untilLed();
  await vi.waitFor(async () => {
    await load(leader, 20);
    expect(leader.storage.firstIndex()).toBeGreaterThan(index + 1);
  }, PATIENCE);
}

async function untilAllApplied(): Promise<void> {
  await vi.waitFor(() => {
    for (const { applied } of servers()) expect(applied).toEqual(acknowledged);
  }, PATIENCE);
}

describe("under load", () => {
  test("every server takes snapshots and keeps no more of the log than it was told", async () => {
    await load(await untilLed(), 2_000);

    await untilAllApplied();
    await vi.waitFor(() => {
      for (const { node, storage } of servers()) {
        expect(node.snapshotIndex).toBeGreaterThan(2_000 - 2 * EVERY_ENTRIES);
        expect(storage.firstIndex()).toBeGreaterThan(2_000 - 4 * EVERY_ENTRIES);
        expect(storage.firstIndex()).toBeLessThanOrEqual(node.lastIndex - KEEP_ENTRIES + 1);
      }
    }, PATIENCE);
  });

  test("all start again from snapshot and log, and nothing that was acknowledged is missing", async () => {
    await load(await untilLed(), 1_000);
    await vi.waitUntil(() => servers().every(({ node }) => node.snapshotIndex > 0), PATIENCE);
    const ids = servers().map(({ id }) => id);
    for (const id of ids) await cluster.stopServer(id);

    for (const id of ids) await cluster.startServer(id);
    await load(await untilLed(), 20);

    await untilAllApplied();
    for (const { machine, storage } of servers()) {
      expect(machine.restored).toHaveLength(1);
      expect(storage.firstIndex()).toBeGreaterThan(1);
    }
  });

  test("a server that comes back late is caught up by a snapshot while the leader serves", async () => {
    await untilLed();
    const late = cluster.follower();
    const lastOfLate = late.node.lastIndex;
    await cluster.stopServer(late.id);
    await loadUntilCompactedPast(lastOfLate);

    const back = await cluster.startServer(late.id);
    await load(await untilLed(), 1_000);

    await untilAllApplied();
    expect(back.machine.restored.at(-1)).toBeGreaterThan(lastOfLate);
  });

  test("a server that joins with an empty disk gets a snapshot, and votes thereafter", async () => {
    await loadUntilCompactedPast(logIndex(1));
    const leader = await untilLed();
    const id = nodeId("d");
    const joined = await cluster.startServer(id);
    const member = { id, address: "host-d:1" };

    await leader.node.changeMembership([{ kind: "add-learner", member }]);
    await load(leader, 500);
    await untilAllApplied();
    await leader.node.changeMembership([{ kind: "add-voter", member }]);

    expect(joined.machine.restored[0]).toBeGreaterThan(1);
    await leader.node.transferLeadership(id);
    await load(await untilLed(), 20);
    expect(cluster.leader().id).toBe(id);
    await untilAllApplied();
  });
});

describe("while a state machine restores its snapshot", () => {
  /** A follower that was started again, and whose restore does not get on until it is let. */
  async function restartHeldUp(): Promise<{ readonly server: Server; readonly letGo: () => void }> {
    await load(await untilLed(), 500);
    const { id, node } = cluster.follower();
    await vi.waitUntil(() => node.snapshotIndex > 0, PATIENCE);
    const machine = new Journal();
    const letGo = hold((closed) => void (machine.restoreGate = closed));
    await cluster.stopServer(id);
    const server = await cluster.startServer(id, machine);
    await vi.waitUntil(() => machine.restoresBegun > 0, PATIENCE);
    return { server, letGo };
  }

  test("the server votes and acknowledges: the others need no third one", async () => {
    const { server, letGo } = await restartHeldUp();
    const before = await untilLed();

    // when the leader goes: its successor needs the vote, and then every acknowledgement
    await cluster.stopServer(before.id);
    const after = await vi.waitFor(() => {
      const leader = cluster.leader();
      // It may be elected itself, and hands over then.
      expect(leader.id).not.toBe(server.id);
      return leader;
    }, PATIENCE);
    await load(after, 200);

    // then all of that was done while nothing could be applied there
    expect(server.machine.restoresBegun).toBe(1);
    expect(server.node.appliedIndex).toBe(0);
    letGo();
    await cluster.startServer(before.id);
    await untilAllApplied();
  });

  test("a read there waits for it", async () => {
    const { server, letGo } = await restartHeldUp();
    const { node, machine } = server;
    await node.whenLed();
    const index = node.readIndex();
    await load(await untilLed(), 100);
    expect(machine.applied).toEqual([]);

    letGo();

    expect(await index).toBeLessThanOrEqual(node.appliedIndex);
    expect(machine.applied.length).toBeGreaterThanOrEqual(500);
  });
});

describe("while a snapshot is taken", () => {
  test("commits go on, and it is one of the moment at which it was begun", async () => {
    const leader = await untilLed();
    await load(leader, 100);
    const letGo = hold((closed) => void (leader.machine.snapshotGate = closed));
    const begunAt = leader.node.appliedIndex;

    const taken = leader.node.takeSnapshot();
    await load(leader, 100);
    expect(leader.node.snapshotIndex).toBe(0);
    letGo();

    expect((await taken)?.index).toBe(begunAt);
    expect(leader.node.snapshotIndex).toBe(begunAt);
    await cluster.stopServer(leader.id);
    await cluster.startServer(leader.id);
    await untilAllApplied();
  });

  test("it is given up where the node stops", async () => {
    const leader = await untilLed();
    const { machine } = leader;
    await load(leader, EVERY_ENTRIES - 40);
    const letGo = hold((closed) => void (machine.snapshotGate = closed));
    const taken = leader.node.takeSnapshot();
    await vi.waitUntil(() => machine.chunksGiven > 0, PATIENCE);

    const stopped = leader.node.stop();
    letGo();

    await stopped;
    expect(await taken).toBeUndefined();
    expect(leader.node.snapshotIndex).toBe(0);
  });
});

describe("a state machine", () => {
  test("that cannot give a snapshot is asked again, and commits go on", async () => {
    const leader = await untilLed();
    const failure = new Error("the store does not answer");
    leader.machine.snapshotFailure = failure;

    await load(leader, EVERY_ENTRIES + 100);
    await vi.waitUntil(() => snapshotFailures.length > 0, PATIENCE);
    await expect(leader.node.takeSnapshot()).rejects.toThrow(failure);
    leader.machine.snapshotFailure = undefined;
    await load(leader, EVERY_ENTRIES + 100);

    await vi.waitUntil(() => leader.node.snapshotIndex > 0, PATIENCE);
    expect(snapshotFailures).toContain(failure);
  });

  test("that fails while its snapshot is written harms nothing", async () => {
    const leader = await untilLed();
    await load(leader, 150);
    const failure = new Error("the store went away");
    leader.machine.snapshotGate = broken(failure);

    await expect(leader.node.takeSnapshot()).rejects.toThrow(failure);

    leader.machine.snapshotGate = Promise.resolve();
    await load(leader, 20);
    const taken = await leader.node.takeSnapshot();
    expect(taken?.index).toBe(leader.node.snapshotIndex);
    expect(leader.node.snapshotIndex).toBeGreaterThan(150);
  });

  test("may give a snapshot that lies behind: the log goes on from there at a start", async () => {
    const leader = await untilLed();
    leader.machine.snapshotLag = 30;
    await load(leader, 100);
    const applied = leader.node.appliedIndex;

    const taken = await leader.node.takeSnapshot();
    await cluster.stopServer(leader.id);
    const restarted = await cluster.startServer(leader.id);

    expect(taken?.index).toBe(applied - 30);
    await untilAllApplied();
    expect(restarted.machine.restored).toEqual([taken?.index]);
  });

  test("says from where on its owner needs the log, whatever snapshots there are", async () => {
    const leader = await untilLed();
    leader.machine.compactThrough = logIndex(100);

    await load(leader, 1_000);
    await vi.waitUntil(() => leader.node.snapshotIndex > 500, PATIENCE);
    const others = servers().filter(({ id }) => id !== leader.id);
    await vi.waitUntil(() => others.every(({ storage }) => storage.firstIndex() > 500), PATIENCE);
    expect(leader.storage.firstIndex()).toBeLessThanOrEqual(101);
    leader.machine.compactThrough = undefined;

    await vi.waitUntil(() => leader.storage.firstIndex() > 500, PATIENCE);
  });
});
