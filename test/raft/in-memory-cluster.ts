// Nodes of one process over real storage: messages go from one to another in a later turn of the
// event loop, and a node can be stopped and started again from its disk.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import {
  type DurableLog,
  type Entry,
  type Message,
  type NodeId,
  nodeId,
  openRaftStorage,
  RaftNode,
  type RaftStorage,
} from "../../src/raft/index.js";

const NAMES = ["a", "b", "c"].map(nodeId);
const MEMBERSHIP = {
  voters: NAMES.map((id) => ({ id, address: `host-${id}:1` })),
  outgoing: [],
  learners: [],
  learnersNext: [],
};

export interface Server {
  readonly id: NodeId;
  readonly node: RaftNode;
  readonly storage: RaftStorage;
  /** Commands in the order in which this server applied them. */
  readonly applied: string[];
  readonly fatal: unknown[];
  /** Calls of `write`, that is, syncs. */
  writes: number;
}

export class InMemoryCluster {
  readonly servers = new Map<NodeId, Server>();

  private constructor(private readonly folder: string) {}

  static async start(): Promise<InMemoryCluster> {
    const cluster = new InMemoryCluster(await mkdtemp(path.join(tmpdir(), "raft-node-")));
    for (const id of NAMES) await cluster.startServer(id);
    return cluster;
  }

  /** Opens the server's folder, new or as it was left. */
  async startServer(id: NodeId): Promise<Server> {
    const storage = await openRaftStorage({ dir: path.join(this.folder, id) });
    if (storage.identity === undefined) {
      await storage.initialise({ serverId: id, meshId: "test" }, MEMBERSHIP);
    }
    const applied: string[] = [];
    const fatal: unknown[] = [];
    const log = counted(storage, () => {
      server.writes += 1;
    });
    const node = new RaftNode({
      id,
      log,
      transport: { send: (messages) => this.#deliver(messages) },
      stateMachine: {
        apply: (entries: readonly Entry[]) => {
          for (const { kind, data } of entries) {
            if (kind === "command") applied.push(Buffer.from(data).toString());
          }
        },
        restore: () => Promise.resolve(),
      },
      tickMs: 10,
      electionTicks: 10,
      heartbeatTicks: 1,
      maxEntriesBytes: 64 * 1024,
      maxInflightMessages: 16,
      maxUncommittedBytes: 1024 * 1024,
      random: Math.random,
      onFatal: (error) => fatal.push(error),
    });
    const server: Server = { id, node, storage, applied, fatal, writes: 0 };
    this.servers.set(id, server);
    node.start();
    return server;
  }

  async stopServer(id: NodeId): Promise<void> {
    const server = this.servers.get(id);
    this.servers.delete(id);
    await server?.node.stop();
    await server?.storage.close();
  }

  /** The server that leads, once all that run agree on it. */
  leader(): Server {
    const servers = [...this.servers.values()];
    const leaders = new Set(servers.map(({ node }) => node.softState.leader));
    const [id] = leaders;
    const leader = id === undefined ? undefined : this.servers.get(id);
    if (leaders.size !== 1 || leader?.node.softState.role !== "leader") {
      throw new Error("there is no leader that all agree on");
    }
    return leader;
  }

  async stop(): Promise<void> {
    for (const id of [...this.servers.keys()]) await this.stopServer(id);
    await rm(this.folder, { recursive: true, force: true });
  }

  #deliver(messages: readonly Message[]): void {
    setImmediate(() => {
      for (const message of messages) this.servers.get(message.to)?.node.receive([message]);
    });
  }
}

function counted(storage: RaftStorage, count: () => void): DurableLog {
  return {
    hardState: storage.hardState,
    membership: storage.membership,
    firstIndex: () => storage.firstIndex(),
    lastIndex: () => storage.lastIndex(),
    term: (index) => storage.term(index),
    entries: (from, to, maxBytes) => storage.entries(from, to, maxBytes),
    snapshot: () => storage.snapshot(),
    snapshotChunk: (meta, offset, maxBytes) => storage.snapshotChunk(meta, offset, maxBytes),
    write: (writes) => {
      count();
      return storage.write(writes);
    },
  };
}
