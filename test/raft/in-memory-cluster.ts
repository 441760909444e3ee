// Nodes of one process over real storage: messages go from one to another in a later turn of the
// event loop, and a node can be stopped and started again from its disk.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import {
  type DurableLog,
  emptyMembership,
  type Membership,
  type Message,
  type NodeId,
  nodeId,
  openRaftStorage,
  RaftNode,
  type RaftNodeOptions,
  type RaftStorage,
} from "../../src/raft/index.js";
import { Journal } from "./journal-machine.js";

const NAMES = ["a", "b", "c"].map(nodeId);
export const MEMBERSHIP: Membership = {
  ...emptyMembership,
  voters: NAMES.map((id) => ({ id, address: `host-${id}:1` })),
};

export interface Server {
  readonly id: NodeId;
  readonly node: RaftNode;
  readonly storage: RaftStorage;
  readonly machine: Journal;
  /** Commands in the order in which this server applied them. */
  readonly applied: readonly string[];
  readonly fatal: unknown[];
  /** Calls of `write`, that is, syncs. */
  writes: number;
}

export interface InMemoryClusterOptions {
  readonly node?: Partial<RaftNodeOptions>;
  /** A file of the log is closed at about this size. */
  readonly segmentBytes?: number;
}

export class InMemoryCluster {
  readonly #folder: string;
  readonly #options: InMemoryClusterOptions;
  readonly servers = new Map<NodeId, Server>();

  private constructor(folder: string, options: InMemoryClusterOptions) {
    this.#folder = folder;
    this.#options = options;
  }

  static async start(options: InMemoryClusterOptions = {}): Promise<InMemoryCluster> {
    const cluster = new InMemoryCluster(await mkdtemp(path.join(tmpdir(), "raft-node-")), options);
    for (const id of NAMES) await cluster.startServer(id);
    return cluster;
  }

  folderOf(id: NodeId): string {
    return path.join(this.#folder, id);
  }

  /** Opens the server's folder, new or as it was left. A new one that is not a founder joins later. */
  async startServer(id: NodeId, machine = new Journal()): Promise<Server> {
    const { segmentBytes } = this.#options;
    const storage = await openRaftStorage({
      dir: this.folderOf(id),
      ...(segmentBytes !== undefined && { segmentBytes }),
    });
    if (storage.identity === undefined) {
      const membership = NAMES.includes(id) ? MEMBERSHIP : emptyMembership;
      await storage.initialise({ serverId: id, meshId: "test" }, membership);
    }
    const fatal: unknown[] = [];
    const node = new RaftNode({
      id,
      log: counted(storage, () => {
        server.writes += 1;
      }),
      transport: { send: (messages) => this.#deliver(messages) },
      stateMachine: machine,
      tickMs: 10,
      maxEntriesBytes: 64 * 1024,
      maxInflightMessages: 16,
      maxUncommittedBytes: 1024 * 1024,
      onFatal: (error) => fatal.push(error),
      ...this.#options.node,
    });
    const { applied } = machine;
    const server: Server = { id, node, storage, machine, applied, fatal, writes: 0 };
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

  /** One that follows. */
  follower(): Server {
    const { id } = this.leader();
    const follower = [...this.servers.values()].find((server) => server.id !== id);
    if (follower === undefined) throw new Error("there is no follower");
    return follower;
  }

  async stop(): Promise<void> {
    for (const id of [...this.servers.keys()]) await this.stopServer(id);
    await rm(this.#folder, { recursive: true, force: true });
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
    saveSnapshot: (subject, content) => storage.saveSnapshot(subject, content),
    compact: (upTo, keepTailEntries) => storage.compact(upTo, keepTailEntries),
    write: (writes) => {
      count();
      return storage.write(writes);
    },
  };
}
