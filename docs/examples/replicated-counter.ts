// A counter on three Raft nodes in one process: each has a log of its own on disk, and all of them
// arrive at the same number.
import path from "node:path";
import { text } from "node:stream/consumers";
import {
  emptyMembership,
  type Entry,
  type LogIndex,
  type Message,
  nodeId,
  openRaftStorage,
  RaftNode,
  type SnapshotMeta,
  type StateMachine,
} from "../../src/raft/index.js";

/** Commands are numbers in text; a noop of Raft itself changes nothing. */
class Counter implements StateMachine {
  value = 0;

  apply(entries: readonly Entry[]): void {
    for (const { kind, data } of entries) {
      if (kind === "command") this.value += Number(Buffer.from(data).toString());
    }
  }

  snapshot(index: LogIndex) {
    return { index, content: [Buffer.from(String(this.value))] };
  }

  async restore(_: SnapshotMeta, content: AsyncIterable<Uint8Array>): Promise<void> {
    this.value = Number(await text(content));
  }
}

/** Adds up `amounts` in `folder`, each when the one before is committed; returns all counters. */
export async function countOnThreeNodes(folder: string, amounts: readonly number[]) {
  const ids = ["a", "b", "c"].map(nodeId);
  const membership = { ...emptyMembership, voters: ids.map((id) => ({ id, address: id })) };
  const send = (messages: readonly Message[]) => {
    // A transport must not call a node within its own turn; it may lose, repeat and reorder.
    setImmediate(() => messages.forEach((each) => find(each.to)?.node.receive([each])));
  };
  const servers = await Promise.all(
    ids.map(async (id) => {
      const log = await openRaftStorage({ dir: path.join(folder, id) });
      if (!log.identity) await log.initialise({ serverId: id, meshId: "counter" }, membership);
      const counter = new Counter();
      const onFatal = (error: unknown) => process.stderr.write(`${id}: ${String(error)}\n`);
      const options = { id, log, transport: { send }, stateMachine: counter, onFatal };
      return { id, log, counter, node: new RaftNode({ ...options, tickMs: 10 }) };
    }),
  );
  const find = (id: string) => servers.find((server) => server.id === id);

  for (const { node } of servers) node.start();
  const leaders = await Promise.all(servers.map(({ node }) => node.whenLed()));
  const leader = find(leaders[0] ?? "");
  for (const amount of amounts) await leader?.node.commit(Buffer.from(String(amount)));
  // A linearizable read on each node waits until it has applied all that was committed before.
  for (const { node } of servers) await node.readIndex();
  for (const { node, log } of servers) {
    await node.takeSnapshot(); // The next start begins here.
    await node.stop();
    await log.close();
  }
  return servers.map(({ counter }) => counter.value);
}
