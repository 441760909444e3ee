// Drives the core with real time, a disk and a transport. One turn of the event loop makes one
// batch: what is proposed in it shares an append message and a sync.
import { setImmediate as nextTurn } from "node:timers/promises";
import { Applier } from "./applier.js";
import {
  type Entry,
  type LogIndex,
  logIndex,
  MAX_LEADERSHIP_PRIORITY,
  type MemberChange,
  type Membership,
  type Message,
  type NodeId,
  RaftCore,
  type RaftStatus,
  type Ready,
  type SnapshotMeta,
  type SoftState,
  type Write,
} from "./core/index.js";
import { NodeStopped, ProposalLost, ProposalRefused, TransferFailed } from "./errors.js";
import {
  coreOptionsOf,
  type RaftNodeConfig,
  type RaftNodeOptions,
  resolveNodeOptions,
} from "./node-options.js";
import { PendingProposals, type Proposal } from "./pending-proposals.js";
import { PendingReads } from "./pending-reads.js";
import { PendingSoftStates } from "./pending-soft-states.js";
import { SnapshotTaker } from "./snapshot-taker.js";
import { TickClock } from "./tick-clock.js";

/** Election timeouts that a read, or a transfer, is given. */
const PATIENCE_TIMEOUTS = 4;

/** One server of a Raft cluster. */
export class RaftNode {
  readonly #config: RaftNodeConfig;
  readonly #core: RaftCore;
  readonly #applier: Applier;
  readonly #snapshots: SnapshotTaker;
  readonly #proposals = new PendingProposals();
  readonly #reads = new PendingReads();
  readonly #pendingStates = new PendingSoftStates();
  readonly #softStateListeners = new Set<(state: SoftState) => void>();
  readonly #membershipListeners = new Set<(membership: Membership) => void>();
  readonly #stopping = new AbortController();
  #softState: SoftState;
  #yieldsLeadership = false;
  #writes: Write[] = [];
  #writing: Promise<void> | undefined;
  /** Messages were handed to the transport in this turn. */
  #isSending = false;
  #scheduled: NodeJS.Immediate | undefined;
  #ticker: NodeJS.Timeout | undefined;

  constructor(options: RaftNodeOptions) {
    const config = resolveNodeOptions(options);
    const { log, stateMachine } = config;
    this.#config = config;
    this.#core = new RaftCore(coreOptionsOf(config));
    const onFatal = (error: unknown) => this.#fail(error);
    this.#applier = new Applier({
      log,
      stateMachine,
      signal: this.#stopping.signal,
      beforeRestore: () => this.#snapshots.abort(),
      onApplied: (index, entries) => this.#noteApplied(index, entries),
      onFatal,
    });
    this.#snapshots = new SnapshotTaker({
      log,
      stateMachine,
      policy: config.snapshots,
      appliedIndex: () => this.#applier.appliedIndex,
      isRestoring: () => this.#applier.isRestoring,
      membershipAt: (index) => this.#core.membershipAt(index),
      isSending: () =>
        this.#core.status().peers.some(({ snapshotOffset }) => snapshotOffset !== undefined),
      onFailed: config.onSnapshotFailed,
      onFatal,
    });
    const { role, leader, term } = this.#core.status();
    this.#softState = { role, leader, term };
  }

  /**
   * Begins to take part. The state machine is restored from the snapshot on disk, if there is one,
   * while the node already votes and answers, and rather lets another one lead.
   */
  start(): void {
    const clock = new TickClock(this.#config.tickMs, performance.now());
    this.#ticker = setInterval(() => {
      const nowMs = performance.now();
      this.#reads.expire(nowMs);
      this.#pendingStates.expire(nowMs);
      this.#input(() => {
        // A leader whose state machine is not there yet could apply nothing.
        const yields = this.#applier.isRestoring || this.#yieldsLeadership;
        this.#core.setLeadershipPriority(yields ? 0 : MAX_LEADERSHIP_PRIORITY);
        this.#core.tick(clock.passed(nowMs));
        this.#snapshots.tick();
      });
    }, this.#config.tickMs);
    // A server that writes nothing at the moment must not go on leading or voting either.
    const { lost } = this.#config.log;
    const { signal } = this.#stopping;
    lost?.addEventListener("abort", () => this.#fail(lost.reason), { signal });
    this.#applier.start();
    this.#schedule();
  }

  /**
   * Waits for what the disk and the state machine are doing; the log may be closed then. Whatever
   * waits for the node is rejected with NodeStopped.
   */
  async stop(): Promise<void> {
    this.#halt();
    await Promise.allSettled([this.#writing, this.#applier.settled(), this.#snapshots.abort()]);
  }

  receive(messages: readonly Message[]): void {
    this.#input(() => {
      for (const message of messages) this.#core.step(message);
    });
  }

  /** Appends a command to the log, if this server leads. For many at a time: the answer is at hand. */
  propose(data: Uint8Array): Proposal {
    if (this.#stopped) return { kind: "refused", reason: "stopped", leader: undefined };
    const result = this.#guard(() => this.#core.propose([data]));
    if (result.kind === "refused") return result;
    this.#schedule();
    const committed = this.#proposals.add(result.index, result.term);
    return { ...result, committed };
  }

  /**
   * Appends a command to the log; resolves when it is committed and applied here, with its index.
   * @throws ProposalRefused, ProposalLost, NodeStopped
   */
  async commit(data: Uint8Array): Promise<LogIndex> {
    const proposal = this.propose(data);
    if (proposal.kind === "accepted") {
      await proposal.committed;
      return proposal.index;
    }
    const { reason, leader } = proposal;
    throw reason === "stopped" ? new NodeStopped() : new ProposalRefused(reason, leader);
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
  async readIndex(): Promise<LogIndex> {
    if (this.#stopped) throw new NodeStopped();
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
    const { id } = this.#config;
    const patienceMs = this.#patienceMs();
    return this.#pendingStates.next(({ leader }) => (leader === id ? undefined : leader), {
      atMs: performance.now() + patienceMs,
      error: new TransferFailed(`${result.to} did not take over in ${patienceMs} ms`),
    });
  }

  /** From now on another one rather leads: hands over as soon as there is one that can. */
  yieldLeadership(): void {
    this.#yieldsLeadership = true;
  }

  /**
   * Resolves once this server knows a leader, with its id; at once where it does.
   * @throws NodeStopped
   */
  async whenLed(): Promise<NodeId> {
    if (this.#stopped) throw new NodeStopped();
    return this.#softState.leader ?? this.#pendingStates.next(({ leader }) => leader);
  }

  /**
   * Takes a snapshot now, whatever the policy says, or joins the one under way; resolves when it is
   * on disk. Undefined where there is none to be had: the state machine offers none, or none that is
   * newer, a snapshot is being restored, or the node stops.
   * @throws what the state machine threw; StorageFailure, and the node stops
   */
  takeSnapshot(): Promise<SnapshotMeta | undefined> {
    return this.#stopped ? Promise.reject(new NodeStopped()) : this.#snapshots.take();
  }

  /** The transport lost what was on its way to a peer. */
  reportUnreachable(peer: NodeId): void {
    this.#input(() => this.#core.reportUnreachable(peer));
  }

  /**
   * The peer's machine answers that nothing listens at its address: the process has most likely
   * ended. A dead leader is so replaced within a few ticks, not within an election timeout; one that
   * lives all the same is not disturbed.
   */
  reportGone(peer: NodeId): void {
    this.#input(() => this.#core.reportGone(peer));
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

  /** What the state machine has arrived at: 0 until it is restored after a start. */
  get appliedIndex(): LogIndex {
    return this.#applier.appliedIndex;
  }

  /** Of the newest snapshot on disk; 0 where there is none. */
  get snapshotIndex(): LogIndex {
    return this.#config.log.snapshot()?.index ?? logIndex(0);
  }

  /**
   * The configuration in force at an index; undefined where compacted, without voters where this
   * server joined later and its log does not tell.
   */
  membershipAt(index: LogIndex): Membership | undefined {
    return this.#core.membershipAt(index);
  }

  /** Role, leader or term have changed; returns how to stop listening. */
  onSoftState(listener: (state: SoftState) => void): () => void {
    this.#softStateListeners.add(listener);
    return () => this.#softStateListeners.delete(listener);
  }

  /** The configuration in force has changed, committed or not; returns how to stop listening. */
  onMembership(listener: (membership: Membership) => void): () => void {
    this.#membershipListeners.add(listener);
    return () => this.#membershipListeners.delete(listener);
  }

  #patienceMs(): number {
    return PATIENCE_TIMEOUTS * this.#config.electionTicks * this.#config.tickMs;
  }

  /** Calls the core; where it finds a broken promise, the node stops and the caller learns why. */
  #guard<T>(call: () => T): T {
    if (this.#stopped) throw new NodeStopped();
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
      this.#isSending = false;
      this.#drive();
    });
  }

  #drive(): void {
    try {
      while (!this.#stopped && this.#core.hasReady()) {
        const ready = this.#core.ready();
        this.#handle(ready);
        // Whoever waited for these may propose the next in this very turn, and the append that
        // carries it tells of the commit, too.
        if (ready.committed.length > 0) {
          this.#schedule();
          return;
        }
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  #handle(ready: Ready): void {
    if (ready.messages.length > 0) {
      this.#config.transport.send(ready.messages);
      this.#isSending = true;
    }
    if (ready.write !== undefined) {
      this.#writes.push(ready.write);
      this.#writing ??= this.#writeAll();
    }
    if (ready.membership !== undefined) {
      for (const listener of this.#membershipListeners) listener(ready.membership);
    }
    if (ready.softState !== undefined) this.#softStateChanged(ready.softState);
    this.#reads.answered(ready.reads, this.appliedIndex);
    if (ready.restore !== undefined) this.#applier.restore(ready.restore);
    this.#applier.apply(ready.committed);
  }

  #noteApplied(index: LogIndex, entries: readonly Entry[]): void {
    this.#core.applied(index);
    this.#proposals.applied(entries);
    this.#reads.applied(index);
    if (entries.length === 0) this.#snapshots.noteRestored();
    else this.#snapshots.noteApplied(entries);
    this.#schedule();
  }

  /** Writes what there is, and what has gathered meanwhile, each time with one sync. */
  async #writeAll(): Promise<void> {
    try {
      while (this.#writes.length > 0) {
        const writes = await this.#takeWrites();
        const outcomes = await this.#config.log.write(writes);
        if (this.#stopped) return;
        writes.forEach((write, at) => {
          if (outcomes[at] === "snapshot-corrupt") {
            this.#core.persistedButSnapshotCorrupt(write.sequence);
          } else {
            this.#core.persisted(write.sequence);
          }
          if (write.messagesAfter.length > 0) this.#config.transport.send(write.messagesAfter);
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

  /** The transport sends with the next turn: so not behind a write, but while the disk syncs. */
  async #takeWrites(): Promise<readonly Write[]> {
    if (this.#isSending) await nextTurn();
    const writes = this.#stopped ? [] : this.#writes;
    this.#writes = [];
    return writes;
  }

  #softStateChanged(next: SoftState): void {
    const before = this.#softState;
    this.#softState = next;
    if (before.role === "leader" && (next.role !== "leader" || next.term !== before.term)) {
      this.#proposals.rejectAll(new ProposalLost("leadership was lost"));
    }
    this.#pendingStates.changed(next);
    for (const listener of this.#softStateListeners) listener(next);
  }

  #fail(error: unknown): void {
    if (this.#stopped) return;
    this.#halt();
    this.#config.onFatal(error);
  }

  get #stopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  #halt(): void {
    this.#stopping.abort();
    clearInterval(this.#ticker);
    clearImmediate(this.#scheduled);
    const error = new NodeStopped();
    this.#proposals.rejectAll(error);
    this.#reads.rejectAll(error);
    this.#pendingStates.rejectAll(error);
  }
}
