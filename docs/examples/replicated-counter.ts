// A counter on three Raft nodes in one process: each has a log of its own on disk, and all of them
// arrive at the same number.
import path from "node:path";
import {
  type Entry,
  type Message,
  type NodeId,
  nodeId,
  openRaftStorage,
  RaftNode,
  type RaftStorage,
  type StateMachine,
} from "../../src/raft/index.js";

/** Commands are numbers in text; a noop of Raft itself changes nothing. */
class Counter implements StateMachine {
  value = 0;

  apply(entries: readonly Entry[]): void {
    for (const { kind, data } of entries) {
      if (kind === "command") this.value += Number(new TextDecoder().decode(data));
    }
  }

  /** No snapshots are taken here: the whole log is applied again at every start. */
  restore(): Promise<void> {
    return Promise.reject(new Error("nobody took a snapshot"));
  }
}

/** Adds up `amounts` in `folder`; returns what each node's counter says. */
export async function countOnThreeNodes(
  folder: string,
  amounts: readonly number[],
): Promise<readonly number[]> {
  const ids = ["a", "b", "c"].map(nodeId);
  const voters = ids.map((id) => ({ id, address: id }));
  const nodes = new Map<NodeId, RaftNode>();
  const storages: RaftStorage[] = [];
  const counters: Counter[] = [];
  // A transport may lose, repeat and reorder messages; it must not call a node within its own turn.
  const send = (messages: readonly Message[]) => {
    setImmediate(() => messages.forEach((message) => nodes.get(message.to)?.receive([message])));
  };
  for (const id of ids) {
    const log = await openRaftStorage({ dir: path.join(folder, id) });
    if (log.identity === undefined) {
      const nobodyElse = { outgoing: [], learners: [], learnersNext: [] };
      await log.initialise({ serverId: id, meshId: "counter" }, { voters, ...nobodyElse });
    }
    const counter = new Counter();
    const node = new RaftNode({
      id,
      log,
      transport: { send },
      stateMachine: counter,
      tickMs: 10,
      electionTicks: 10,
      heartbeatTicks: 1,
      maxEntriesBytes: 256 * 1024,
      maxInflightMessages: 64,
      maxUncommittedBytes: 32 * 1024 * 1024,
      random: Math.random,
      onFatal: (error) => process.stderr.write(`${id} has stopped: ${String(error)}\n`),
    });
    nodes.set(id, node);
    storages.push(log);
    counters.push(counter);
  }
  const leader = firstLeader([...nodes.values()]);
  for (const node of nodes.values()) node.start();
  const chosen = await leader;
  for (const amount of amounts) {
    const proposal = chosen.propose(new TextEncoder().encode(String(amount)));
    if (proposal.kind === "refused") throw new Error(`refused: ${proposal.reason}`);
    await proposal.committed;
  }
  // A linearizable read on each node waits until it has applied all that was committed before.
  for (const node of nodes.values()) await node.readIndex();
  for (const node of nodes.values()) await node.stop();
  for (const storage of storages) await storage.close();
  return counters.map(({ value }) => value);
}

function firstLeader(nodes: readonly RaftNode[]): Promise<RaftNode> {
  return new Promise((resolve) => {
    for (const node of nodes) {
      node.onSoftState(({ role }) => {
        if (role === "leader") resolve(node);
      });
    }
  });
}
