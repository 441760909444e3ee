// A server with real time, a disk and a transport: what others ask of it, and who waits for what.
import { Applier } from "./applier.js";
import { CoreDriver } from "./core-driver.js";
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
} from "./core/index.js";
import { NodeStopped, ProposalLost, ProposalRefused, TransferFailed } from "./errors.js";
import {
  coreOptionsOf,
  type RaftNodeConfig,
  type RaftNodeOptions,
  resolveNodeOptions,
} from "./node-options.js";
import { Listeners } from "./listeners.js";
import { PendingProposals, type Proposal } from "./pending-proposals.js";
import { PendingReads } from "./pending-reads.js";
import { SoftStates } from "./soft-states.js";
import { SnapshotTaker } from "./snapshot-taker.js";
import { TickClock } from "./tick-clock.js";

/** One server of a Raft cluster. */
export class RaftNode {
  readonly #config: RaftNodeConfig;
  readonly #core: RaftCore;
  readonly #driver: CoreDriver;
  readonly #applier: Applier;
  readonly #snapshots: SnapshotTaker;
  readonly #proposals = new PendingProposals();
  readonly #reads = new PendingReads();
  readonly #softStates: SoftStates;
  readonly #membershipListeners = new Listeners<Membership>();
  #yieldsLeadership = false;
  #ticker: NodeJS.Timeout | undefined;

  constructor(options: RaftNodeOptions) {
    const config = resolveNodeOptions(options);
    const { log, stateMachine, transport } = config;
    this.#config = config;
    const core = new RaftCore(coreOptionsOf(config));
    this.#core = core;
    const onFatal = (error: unknown) => {
      if (this.#driver.isStopped) return;
      this.#halt();
      config.onFatal(error);
    };
    const onReady = (ready: Ready) => this.#handle(ready);
    this.#driver = new CoreDriver({ core, log, transport, onReady, onFatal });
    this.#applier = new Applier({
      log,
      stateMachine,
      signal: this.#driver.signal,
      beforeRestore: () => this.#snapshots.abort(),
      onApplied: (index, entries) => this.#noteApplied(index, entries),
      onFatal,
    });
    this.#snapshots = new SnapshotTaker({
      log,
      stateMachine,
      policy: config.snapshots,
      applier: this.#applier,
      core,
      onFailed: config.onSnapshotFailed,
      onFatal,
    });
    const { role, leader, term } = core.status();
    this.#softStates = new SoftStates({ role, leader, term });
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
      this.#softStates.expire(nowMs);
      this.#driver.input(() => {
        // A leader whose state machine is not there yet could apply nothing.
        const yields = this.#applier.isRestoring || this.#yieldsLeadership;
        this.#core.setLeadershipPriority(yields ? 0 : MAX_LEADERSHIP_PRIORITY);
        this.#core.tick(clock.passed(nowMs));
        this.#snapshots.tick();
      });
    }, this.#config.tickMs);
    this.#driver.watchDisk();
    this.#applier.start();
    this.#driver.schedule();
  }

  /**
   * Waits for what the disk and the state machine are doing; the log may be closed then. Whatever
   * waits for the node is rejected with NodeStopped.
   */
  async stop(): Promise<void> {
    this.#halt();
    await Promise.allSettled([
      this.#driver.settled(),
      this.#applier.settled(),
      this.#snapshots.abort(),
    ]);
  }

  receive(messages: readonly Message[]): void {
    this.#driver.input(() => {
      for (const message of messages) this.#core.step(message);
    });
  }

  /** Appends a command to the log, if this server leads. For many at a time: the answer is at hand. */
  propose(data: Uint8Array): Proposal {
    if (this.#driver.isStopped) return { kind: "refused", reason: "stopped", leader: undefined };
    const result = this.#driver.guard(() => this.#core.propose([data]));
    if (result.kind === "refused") return result;
    this.#driver.schedule();
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
    return !this.#driver.isStopped && this.#core.canPropose();
  }

  /**
   * Changes the configuration; resolves when the change is committed, with its index.
   * @throws ProposalRefused, ProposalLost, NodeStopped
   */
  async changeMembership(changes: readonly MemberChange[]): Promise<LogIndex> {
    const result = this.#driver.guard(() => this.#core.proposeMembership(changes));
    if (result.kind === "refused") throw new ProposalRefused(result.reason, result.leader);
    this.#driver.schedule();
    await this.#proposals.add(result.index, result.term);
    return result.index;
  }

  /**
   * Resolves once everything that was committed before the call is applied here, with its index.
   * @throws NoLeader, NodeStopped
   */
  async readIndex(): Promise<LogIndex> {
    if (this.#driver.isStopped) throw new NodeStopped();
    const read = this.#reads.add(
      (requestId) => this.#driver.guard(() => this.#core.readIndex(requestId)),
      performance.now() + this.#config.patienceMs,
    );
    this.#driver.schedule();
    return read;
  }

  /**
   * Hands leadership over; resolves when this server knows the new leader.
   * @throws ProposalRefused, TransferFailed, NodeStopped
   */
  async transferLeadership(to?: NodeId): Promise<NodeId> {
    const result = this.#driver.guard(() => this.#core.transferLeadership(to));
    if (result.kind === "refused") throw new ProposalRefused(result.reason, result.leader);
    this.#driver.schedule();
    const { id, patienceMs } = this.#config;
    return this.#softStates.next(({ leader }) => (leader === id ? undefined : leader), {
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
    if (this.#driver.isStopped) throw new NodeStopped();
    return this.#softStates.current.leader ?? this.#softStates.next(({ leader }) => leader);
  }

  /**
   * Takes a snapshot now, whatever the policy says, or joins the one under way; resolves when it is
   * on disk. Undefined where there is none to be had: the state machine offers none, or none that is
   * newer, a snapshot is being restored, or the node stops.
   * @throws what the state machine threw; StorageFailure, and the node stops
   */
  takeSnapshot(): Promise<SnapshotMeta | undefined> {
    return this.#driver.isStopped ? Promise.reject(new NodeStopped()) : this.#snapshots.take();
  }

  /** The transport lost what was on its way to a peer. */
  reportUnreachable(peer: NodeId): void {
    this.#driver.input(() => this.#core.reportUnreachable(peer));
  }

  /**
   * The peer's machine answers that nothing listens there: its process has most likely ended. A dead
   * leader is so replaced within a few ticks; one that lives all the same is not disturbed.
   */
  reportGone(peer: NodeId): void {
    this.#driver.input(() => this.#core.reportGone(peer));
  }

  status(): RaftStatus {
    return this.#core.status();
  }

  get softState(): SoftState {
    return this.#softStates.current;
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

  /** Undefined where compacted; without voters where this server joined later and its log does not tell. */
  membershipAt(index: LogIndex): Membership | undefined {
    return this.#core.membershipAt(index);
  }

  /** Role, leader or term have changed; returns how to stop listening. */
  onSoftState(listener: (state: SoftState) => void): () => void {
    return this.#softStates.listen(listener);
  }

  /** The configuration in force has changed, committed or not; returns how to stop listening. */
  onMembership(listener: (membership: Membership) => void): () => void {
    return this.#membershipListeners.add(listener);
  }

  #handle(ready: Ready): void {
    if (ready.membership !== undefined) this.#membershipListeners.tell(ready.membership);
    if (ready.softState !== undefined) this.#softStateChanged(ready.softState);
    this.#reads.answered(ready.reads, this.appliedIndex);
    if (ready.restore !== undefined) this.#applier.restore(ready.restore);
    this.#applier.apply(ready.committed);
  }

  #noteApplied(index: LogIndex, entries: readonly Entry[]): void {
    this.#core.applied(index);
    this.#proposals.applied(entries);
    this.#reads.applied(index);
    this.#snapshots.noteApplied(entries);
    this.#driver.schedule();
  }

  #softStateChanged(next: SoftState): void {
    const before = this.#softStates.current;
    if (before.role === "leader" && (next.role !== "leader" || next.term !== before.term)) {
      this.#proposals.rejectAll(new ProposalLost("leadership was lost"));
    }
    this.#softStates.changed(next);
  }

  #halt(): void {
    this.#driver.halt();
    clearInterval(this.#ticker);
    const error = new NodeStopped();
    this.#proposals.rejectAll(error);
    this.#reads.rejectAll(error);
    this.#softStates.rejectAll(error);
  }
}
