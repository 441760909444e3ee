// A cluster of cores that a scenario drives step by step: nothing moves unless told to.
import { emptyMembership, logIndex, RaftCore } from "../../src/raft/core/index.js";
import { formatMessage, formatReady } from "./raft-scenario-format.js";
import { ScenarioDisk } from "./raft-scenario-disk.js";
import type {
  LogIndex,
  Membership,
  Message,
  NodeId,
  RaftCoreOptions,
  Ready,
  Write,
} from "../../src/raft/core/index.js";

export type ScenarioOptions = Partial<
  Pick<
    RaftCoreOptions,
    | "electionTicks"
    | "heartbeatTicks"
    | "maxEntriesBytes"
    | "maxInflightMessages"
    | "maxInflightBytes"
    | "maxUncommittedBytes"
    | "snapshotChunkBytes"
    | "leadershipPriority"
    | "checkQuorum"
    | "preVote"
    | "catchUp"
    | "maxCatchUpBytes"
    | "maxPendingReads"
    | "random"
  >
>;

interface ScenarioNode {
  readonly id: NodeId;
  readonly disk: ScenarioDisk;
  readonly bootstrap: Membership;
  readonly options: ScenarioOptions;
  /** Survives crashes: the state machine is on disk. */
  applied: LogIndex;
  core: RaftCore | undefined;
  /** Handed out, not yet done. */
  writes: Write[];
}

/** Rounds after which a scenario that never comes to rest is stopped. */
const MAX_ROUNDS = 200;

export class ScenarioCluster {
  readonly #nodes = new Map<NodeId, ScenarioNode>();
  readonly #cut = new Set<string>();
  #network: Message[] = [];
  #trace: string[] = [];

  /** What happened since the last call. */
  takeTrace(): readonly string[] {
    const trace = this.#trace;
    this.#trace = [];
    return trace;
  }

  say(line: string): void {
    this.#trace.push(line);
  }

  ids(): readonly NodeId[] {
    return [...this.#nodes.keys()];
  }

  addNode(id: NodeId, bootstrap: Membership, options: ScenarioOptions): void {
    const node: ScenarioNode = {
      id,
      disk: new ScenarioDisk(),
      bootstrap,
      options,
      applied: logIndex(0),
      core: undefined,
      writes: [],
    };
    this.#nodes.set(id, node);
    this.restart(id);
  }

  addEmptyNode(id: NodeId, options: ScenarioOptions): void {
    this.addNode(id, emptyMembership, options);
  }

  core(id: NodeId): RaftCore {
    const { core } = this.#node(id);
    if (core === undefined) throw new Error(`${id} has crashed`);
    return core;
  }

  disk(id: NodeId): ScenarioDisk {
    return this.#node(id).disk;
  }

  isUp(id: NodeId): boolean {
    return this.#node(id).core !== undefined;
  }

  /** Writes that are not done are lost, in whole. */
  crash(id: NodeId): void {
    const node = this.#node(id);
    node.core = undefined;
    node.writes = [];
  }

  restart(id: NodeId): void {
    const node = this.#node(id);
    node.writes = [];
    const snapshotIndex = node.disk.snapshot()?.index ?? logIndex(0);
    node.applied = logIndex(Math.max(node.applied, snapshotIndex));
    // Timeouts that differ, and that a reader can reckon with: electionTicks + the number of the node.
    const { electionTicks = 10 } = node.options;
    const random = () => (Number(id) % electionTicks) / electionTicks;
    node.core = new RaftCore({
      random,
      ...node.options,
      id,
      log: node.disk,
      hardState: node.disk.hardState,
      membership: node.bootstrap,
      applied: node.applied,
    });
  }

  /** Takes one batch: sends, queues the write, applies. Does the write too unless `holdWrite`. */
  ready(id: NodeId, holdWrite: boolean): boolean {
    const core = this.core(id);
    if (!core.hasReady()) return false;
    const ready = core.ready();
    const isEmpty = formatReady(ready).length === 0 && ready.messages.length === 0;
    for (const line of formatReady(ready)) this.say(`${id}: ${line}`);
    for (const message of ready.messages) this.#send(message);
    if (ready.write !== undefined) {
      this.#node(id).writes.push(ready.write);
      if (!holdWrite) while (this.persist(id));
    }
    this.#apply(id, ready);
    return !isEmpty;
  }

  #apply(id: NodeId, { restore, committed }: Ready): void {
    const node = this.#node(id);
    const upTo = committed.at(-1)?.index ?? restore?.index;
    if (upTo === undefined) return;
    node.applied = upTo;
    this.core(id).applied(upTo);
  }

  /** Finishes the oldest write. */
  persist(id: NodeId): boolean {
    const node = this.#node(id);
    const write = node.writes.shift();
    if (write === undefined) return false;
    if (node.disk.write(write)) this.core(id).persisted(write.sequence);
    else this.core(id).persistedButSnapshotCorrupt(write.sequence);
    for (const message of write.messagesAfter) this.#send(message);
    return true;
  }

  #send(message: Message): void {
    const isCut = this.#cut.has(`${message.from}->${message.to}`);
    this.say(`${isCut ? "x " : ""}${formatMessage(message)}`);
    if (!isCut) this.#network.push(message);
  }

  /** Delivers what is on its way and chosen; messages to a crashed server are lost. */
  deliver(isChosen: (message: Message) => boolean, keepCopies = false): number {
    const chosen = this.#network.filter(isChosen);
    if (!keepCopies) this.#network = this.#network.filter((message) => !isChosen(message));
    for (const message of chosen) {
      if (this.isUp(message.to)) this.core(message.to).step(message);
    }
    return chosen.length;
  }

  drop(isChosen: (message: Message) => boolean): void {
    for (const message of this.#network.filter(isChosen)) {
      this.say(`dropped ${formatMessage(message)}`);
    }
    this.#network = this.#network.filter((message) => !isChosen(message));
  }

  pendingMessages(): readonly Message[] {
    return this.#network;
  }

  cut(from: NodeId, to: NodeId): void {
    this.#cut.add(`${from}->${to}`);
  }

  heal(): void {
    this.#cut.clear();
  }

  /** Works and delivers until nothing moves among the given servers. */
  stabilize(ids: readonly NodeId[]): void {
    const among = new Set(ids);
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      let moved = false;
      for (const id of ids) {
        if (!this.isUp(id)) continue;
        if (this.persist(id)) moved = true;
        while (this.ready(id, false)) moved = true;
      }
      if (this.deliver(({ from, to }) => among.has(from) && among.has(to)) > 0) moved = true;
      if (!moved) return;
    }
    throw new Error("the cluster does not come to rest");
  }

  /** Snapshot of what is applied, and the log before it dropped. */
  compact(id: NodeId, sizeBytes: number): LogIndex {
    const { applied, disk } = this.#node(id);
    const membership = this.core(id).membershipAt(applied);
    if (membership === undefined) throw new Error(`no configuration is known at ${applied}`);
    disk.compact(applied, membership, sizeBytes);
    return applied;
  }

  #node(id: NodeId): ScenarioNode {
    const node = this.#nodes.get(id);
    if (node === undefined) throw new Error(`no server ${id}`);
    return node;
  }
}

export function membershipOf(
  voters: readonly NodeId[],
  learners: readonly NodeId[] = [],
): Membership {
  const members = (ids: readonly NodeId[]) => ids.map((id) => ({ id, address: `host-${id}` }));
  return {
    voters: members(voters),
    outgoing: [],
    learners: members(learners),
    learnersNext: [],
  };
}
