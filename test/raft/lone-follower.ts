// One node over a real disk, and a test in the part of its leader: what it sends is recorded, what it
// hears is written out.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { onTestFinished, vi } from "vitest";
import {
  type Entry,
  logIndex,
  type Membership,
  type Message,
  nodeId,
  openRaftStorage,
  RaftNode,
  type RaftStorage,
  type SnapshotMeta,
  term,
} from "../../src/raft/index.js";
import { crc32c } from "../../src/raft/storage/crc32c.js";
import { MEMBERSHIP } from "./in-memory-cluster.js";
import { Journal } from "./journal-machine.js";

const FOLLOWER = nodeId("a");
const ENVELOPE = { from: nodeId("b"), to: FOLLOWER, term: term(1) };

export interface Snapshot {
  readonly meta: SnapshotMeta;
  readonly data: Uint8Array;
}

/** Of a journal that holds these commands. */
export function snapshotOf(index: number, commands: readonly string[]): Snapshot {
  const data = Buffer.from(commands.map((text) => `${text}\n`).join(""));
  const sizeBytes = data.byteLength;
  const meta = { index: logIndex(index), term: term(1), membership: MEMBERSHIP, sizeBytes };
  return { meta: { ...meta, checksum: crc32c(data) }, data };
}

export class LoneFollower {
  readonly sent: Message[] = [];

  private constructor(
    readonly folder: string,
    readonly storage: RaftStorage,
    readonly node: RaftNode,
    readonly machine: Journal,
    sent: (take: (messages: readonly Message[]) => void) => void,
  ) {
    sent((messages) => this.sent.push(...messages));
  }

  /** A follower that never hears a tick; stopped, and its disk removed, at the test's end. */
  static async start(membership: Membership = MEMBERSHIP): Promise<LoneFollower> {
    const folder = await mkdtemp(path.join(tmpdir(), "raft-node-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    return LoneFollower.#open(folder, membership);
  }

  /** Stops it, and starts it again from its disk. */
  async restart(): Promise<LoneFollower> {
    await this.stop();
    return LoneFollower.#open(this.folder, MEMBERSHIP);
  }

  async stop(): Promise<void> {
    await this.node.stop();
    await this.storage.close();
  }

  /** The leader is alive. */
  hearHeartbeat(): void {
    const heartbeat = { kind: "heartbeat", commit: logIndex(0), readRound: 0 } as const;
    this.node.receive([{ ...ENVELOPE, ...heartbeat }]);
  }

  /** The leader appends the entries behind the one before them, and has committed them. */
  hearEntries(entries: readonly Entry[]): void {
    const prevIndex = (entries[0]?.index ?? 1) - 1;
    const prevLogTerm = term(prevIndex === 0 ? 0 : 1);
    const leaderCommit = entries.at(-1)?.index ?? logIndex(0);
    const position = { prevLogIndex: logIndex(prevIndex), prevLogTerm, leaderCommit };
    this.node.receive([{ ...ENVELOPE, kind: "append-request", ...position, entries }]);
  }

  hearReadIndex(requestId: number, readIndex: number): void {
    const answer = {
      kind: "read-index-response",
      requestId,
      readIndex: logIndex(readIndex),
    } as const;
    this.node.receive([{ ...ENVELOPE, ...answer }]);
  }

  /** A part of a snapshot, to its end where none is named. */
  hearSnapshot({ meta, data }: Snapshot, from = 0, to = data.byteLength): void {
    const chunk = { offset: from, data: data.subarray(from, to), done: to === data.byteLength };
    this.node.receive([{ ...ENVELOPE, kind: "snapshot-chunk", meta, ...chunk }]);
  }

  /** The first message of a kind that it has sent, once it has. */
  untilSent<Kind extends Message["kind"]>(kind: Kind): Promise<Extract<Message, { kind: Kind }>> {
    return vi.waitUntil(() =>
      this.sent.find((message): message is Extract<Message, { kind: Kind }> => {
        return message.kind === kind;
      }),
    );
  }

  static async #open(folder: string, membership: Membership): Promise<LoneFollower> {
    const storage = await openRaftStorage({ dir: path.join(folder, "a") });
    if (storage.identity === undefined) {
      await storage.initialise({ serverId: "a", meshId: "test" }, membership);
    }
    const machine = new Journal();
    const listeners: ((messages: readonly Message[]) => void)[] = [];
    const node = new RaftNode({
      id: FOLLOWER,
      log: storage,
      transport: { send: (messages) => listeners.forEach((take) => take(messages)) },
      stateMachine: machine,
      // No tick comes: nothing but messages and the disk moves it.
      tickMs: 1_000_000,
      onFatal: (error) => {
        throw error;
      },
    });
    const follower = new LoneFollower(folder, storage, node, machine, (take) =>
      listeners.push(take),
    );
    onTestFinished(() => follower.stop());
    node.start();
    return follower;
  }
}
