// Drives the core with real time, a disk and a transport. One turn of the event loop makes one
// batch: what is proposed in it shares an append message and a sync.
import {
  type Entry,
  type LogIndex,
  type MemberChange,
  type Membership,
  type Message,
  type NodeId,
  type ProposalRefusal,
  RaftCore,
  type RaftStatus,
  type Ready,
  type SnapshotMeta,
  type SoftState,
  type Term,
  type Write,
} from "./core/index.js";
import type { DurableLog } from "./durable-log.js";
import { NodeStopped, ProposalLost, ProposalRefused, TransferFailed } from "./errors.js";
import { PendingProposals } from "./pending-proposals.js";
import { PendingReads } from "./pending-reads.js";

/** Election timeouts that a read, or a transfer, is given. */
const PATIENCE_TIMEOUTS = 4;

export interface RaftTransport {
  /** Must not block; may drop. */
  send(messages: readonly Message[]): void;
}

export interface StateMachine {
  /** Committed entries, each once, in order, noops and configurations included. */
  apply(entries: readonly Entry[]): void;
  /** The state as of `meta.index` replaces everything. */
  restore(meta: SnapshotMeta): Promise<void>;
}

export interface RaftNodeOptions {
  readonly id: NodeId;
  readonly log: DurableLog;
  readonly transport: RaftTransport;
  readonly stateMachine: StateMachine;
  readonly tickMs: number;
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  readonly maxEntriesBytes: number;
  readonly maxInflightMessages: number;
  readonly maxUncommittedBytes: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** The disk failed, or the code broke a promise: the node has stopped itself. */
  readonly onFatal: (error: unknown) => void;
}

export type Proposal =
  | {
      readonly kind: "accepted";
      readonly index: LogIndex;
      readonly term: Term;
      /** Rejects with ProposalLost where the outcome is unknown, NodeStopped at the end. */
      readonly committed: Promise<void>;
    }
  | {
      readonly kind: "refused";
      readonly reason: ProposalRefusal | "stopped";
      readonly leader: NodeId | undefined;
    };

export class RaftNode {
  readonly #core: RaftCore;
  readonly #proposals = new PendingProposals();
  readonly #reads = new PendingReads();
  readonly #softStateListeners = new Set<(state: SoftState) => void>();
  readonly #membershipListeners = new Set<(membership: Membership) => void>();
  #softState: SoftState;
  #appliedIndex: LogIndex;
  #writes: Write[] = [];
  #writing: Promise<void> | undefined;
  #restoring: Promise<void> | undefined;
  #scheduled: NodeJS.Immediate | undefined;
  #ticker: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(private readonly options: RaftNodeOptions) {
    const { log } = options;
    this.#appliedIndex = log.snapshot()?.index ?? (0 as LogIndex);
    this.#core = new RaftCore({
      id: options.id,
      log,
      hardState: log.hardState,
      membership: log.membership,
      applied: this.#appliedIndex,
      random: options.random,
      electionTicks: options.electionTicks,
      heartbeatTicks: options.heartbeatTicks,
      maxEntriesBytes: options.maxEntriesBytes,
      maxInflightMessages: options.maxInflightMessages,
      maxInflightBytes: options.maxEntriesBytes * options.maxInflightMessages,
      maxUncommittedBytes: options.maxUncommittedBytes,
    });
    const { role, leader, term } = this.#core.status();
    this.#softState = { role, leader, term };
  }

  start(): void {
    this.#ticker = setInterval(() => {
      this.#reads.expire(performance.now());
      this.#input(() => this.#core.tick());
    }, this.options.tickMs);
    this.#schedule();
  }

  /** Waits for the write under way; what waits for a commit or a read is rejected. */
  async stop(): Promise<void> {
    this.#halt();
    await this.#writing?.catch(() => undefined);
    await this.#restoring?.catch(() => undefined);
  }

  receive(messages: readonly Message[]): void {
    this.#input(() => {
      for (const message of messages) this.#core.step(message);
    });
  }

  /** Appends a command to the log, if this server leads. */
  propose(data: Uint8Array): Proposal {
    if (this.#stopped) return { kind: "refused", reason: "stopped", leader: undefined };
    const result = this.#guard(() => this.#core.propose([data]));
    if (result.kind === "refused") return result;
    this.#schedule();
    const committed = this.#proposals.add(result.index, result.term);
    return { ...result, committed };
  }

  /** False where a proposal would be refused: not the leader, or about to hand over. */
  canPropose(): boolean {
    return !this.#stopped && this.#core.canPropose();
  }

  /**
   * Changes the configuration; resolves when the change is committed, with its index.
   * @throws ProposalRefused, ProposalLost, NodeStopped
   */
  async changeMembership(changes: readonly MemberChange[]): Promise<LogIndex> {
    const result = this.#guard(() => this.#core.proposeMembership(changes));
    if (result.kind === "refused") throw new ProposalRefused(result.reason, result.leader);
    this.#schedule();
    await this.#proposals.add(result.index, result.term);
    return result.index;
  }

  /**
   * Resolves once everything that was committed before the call is applied here, with its index.
   * @throws NoLeader, NodeStopped
   */
  readIndex(): Promise<LogIndex> {
    const read = this.#reads.add(
      (requestId) => this.#guard(() => this.#core.readIndex(requestId)),
      performance.now() + this.#patienceMs(),
    );
    this.#schedule();
    return read;
  }

  /**
   * Hands leadership over; resolves when this server knows the new leader.
   * @throws ProposalRefused, TransferFailed, NodeStopped
   */
  async transferLeadership(to?: NodeId): Promise<NodeId> {
    const result = this.#guard(() => this.#core.transferLeadership(to));
    if (result.kind === "refused") throw new ProposalRefused(result.reason, result.leader);
    this.#schedule();
    return new Promise((resolve, reject) => {
      const stopListening = this.onSoftState(({ leader }) => {
        if (leader === undefined || leader === this.options.id) return;
        clearTimeout(timer);
        stopListening();
        resolve(leader);
      });
      const timer = setTimeout(() => {
        stopListening();
        reject(new TransferFailed(`${result.to} did not take over in ${this.#patienceMs()} ms`));
      }, this.#patienceMs());
    });
  }

  /** The transport lost what was on its way to a peer. */
  reportUnreachable(peer: NodeId): void {
    this.#input(() => this.#core.reportUnreachable(peer));
  }

  status(): RaftStatus {
    return this.#core.status();
  }

  get softState(): SoftState {
    return this.#softState;
  }

  /** Newest entry of this server's log, on disk or not. */
  get lastIndex(): LogIndex {
    return this.#core.lastIndex();
  }

  get appliedIndex(): LogIndex {
    return this.#appliedIndex;
  }

  /** Role, leader or term have changed; returns how to stop listening. */
  onSoftState(listener: (state: SoftState) => void): () => void {
    this.#softStateListeners.add(listener);
    return () => this.#softStateListeners.delete(listener);
  }

  onMembership(listener: (membership: Membership) => void): () => void {
    this.#membershipListeners.add(listener);
    return () => this.#membershipListeners.delete(listener);
  }

  #patienceMs(): number {
    return PATIENCE_TIMEOUTS * this.options.electionTicks * this.options.tickMs;
  }

  /** Calls the core; where it finds a broken promise, the node stops and the caller learns why. */
  #guard<T>(call: () => T): T {
    if (this.#stopped) throw new NodeStopped("the node has stopped");
    try {
      return call();
    } catch (error) {
      this.#fail(error);
      throw error;
    }
  }

  #input(step: () => void): void {
    if (this.#stopped) return;
    try {
      step();
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#schedule();
  }

  #schedule(): void {
    if (this.#stopped) return;
    this.#scheduled ??= setImmediate(() => {
      this.#scheduled = undefined;
      this.#drive();
    });
  }

  #drive(): void {
    try {
      while (!this.#stopped && this.#restoring === undefined && this.#core.hasReady()) {
        this.#handle(this.#core.ready());
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  #handle(ready: Ready): void {
    if (ready.messages.length > 0) this.options.transport.send(ready.messages);
    if (ready.write !== undefined) {
      this.#writes.push(ready.write);
      this.#writing ??= this.#writeAll();
    }
    if (ready.membership !== undefined) {
      for (const listener of this.#membershipListeners) listener(ready.membership);
    }
    if (ready.softState !== undefined) this.#softStateChanged(ready.softState);
    this.#reads.answered(ready.reads, this.#appliedIndex);
    if (ready.restore !== undefined) {
      this.#restoring = this.#restore(ready.restore, ready.committed);
      return;
    }
    this.#apply(ready.committed);
  }

  #apply(entries: readonly Entry[]): void {
    const last = entries.at(-1);
    if (last === undefined) return;
    this.options.stateMachine.apply(entries);
    this.#appliedIndex = last.index;
    this.#core.applied(last.index);
    this.#proposals.applied(entries);
    this.#reads.applied(last.index);
  }

  async #restore(meta: SnapshotMeta, committed: readonly Entry[]): Promise<void> {
    try {
      await this.#writing;
      await this.options.stateMachine.restore(meta);
      this.#appliedIndex = meta.index;
      this.#core.applied(meta.index);
      this.#reads.applied(meta.index);
      this.#apply(committed);
    } catch (error) {
      this.#fail(error);
    }
    this.#restoring = undefined;
    this.#schedule();
  }

  /** Writes what there is, and what has gathered meanwhile, each time with one sync. */
  async #writeAll(): Promise<void> {
    try {
      while (this.#writes.length > 0) {
        const writes = this.#writes;
        this.#writes = [];
        const outcomes = await this.options.log.write(writes);
        if (this.#stopped) return;
        writes.forEach((write, at) => {
          if (outcomes[at] === "snapshot-corrupt") {
            this.#core.persistedButSnapshotCorrupt(write.sequence);
          } else {
            this.#core.persisted(write.sequence);
          }
          if (write.messagesAfter.length > 0) this.options.transport.send(write.messagesAfter);
        });
        // Commits that this write made possible go out before the next one is waited for.
        this.#drive();
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#writing = undefined;
    }
  }

  #softStateChanged(next: SoftState): void {
    const before = this.#softState;
    this.#softState = next;
    if (before.role === "leader" && (next.role !== "leader" || next.term !== before.term)) {
      this.#proposals.rejectAll(new ProposalLost("leadership was lost"));
    }
    for (const listener of this.#softStateListeners) listener(next);
  }

  #fail(error: unknown): void {
    if (this.#stopped) return;
    this.#halt();
    this.options.onFatal(error);
  }

  #halt(): void {
    this.#stopped = true;
    clearInterval(this.#ticker);
    clearImmediate(this.#scheduled);
    const error = new NodeStopped("the node has stopped");
    this.#proposals.rejectAll(error);
    this.#reads.rejectAll(error);
  }
}
