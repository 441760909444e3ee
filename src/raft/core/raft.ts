// The Raft state machine as its driver sees it: inputs in, `Ready` batches out, no I/O, no clock.
import { maybeCampaign } from "./election.js";
import { invariant } from "./errors.js";
import { noteGone } from "./leader-contact.js";
import { transferLeadership } from "./leadership-transfer.js";
import { proposeMembership } from "./membership-change.js";
import { MembershipLog } from "./membership-log.js";
import { MAX_LEADERSHIP_PRIORITY, resolveOptions } from "./options.js";
import { Outbox } from "./outbox.js";
import { propose } from "./proposal.js";
import { RaftLog } from "./raft-log.js";
import { hasReady, notePersisted, takeReady } from "./ready-batch.js";
import { requestRead } from "./read-index.js";
import { reportUnreachable } from "./replication.js";
import { resetElectionTimer } from "./roles.js";
import { statusOf } from "./status.js";
import { stepMessage } from "./step.js";
import { tick } from "./tick.js";
import { logIndex } from "./types.js";
import type { Message } from "./message.js";
import type { RaftCoreOptions } from "./options.js";
import type { Ready } from "./ready.js";
import type {
  MemberChange,
  ProposeMembershipResult,
  ProposeResult,
  RaftStatus,
  TransferResult,
} from "./results.js";
import type { RaftState } from "./state.js";
import type { LogIndex, Membership, NodeId } from "./types.js";

/** Numbers of forwarded reads start at a random multiple of this, so that they fit 53 bits. */
const READ_NUMBER_SPAN = 2 ** 32;
const READ_NUMBER_STARTS = 2 ** 20;

/**
 * One server of a cluster. Every method may be called at any time; after each, `hasReady` says
 * whether there is work to take. None of them may be called again after an `InvariantViolation`.
 */
export class RaftCore {
  readonly #state: RaftState;

  /** A server that starts, for the first time or again, from what is on its disk. */
  constructor(options: RaftCoreOptions) {
    const config = resolveOptions(options);
    const { hardState } = config;
    const log = new RaftLog(config.log, hardState.commit, config.applied);
    invariant(hardState.term >= log.lastTerm, "the log on disk is ahead of its term");
    this.#state = {
      config,
      id: config.id,
      log,
      memberships: MembershipLog.scan(log, config.membership),
      outbox: new Outbox(),
      disk: {
        nextSequence: 1,
        written: hardState,
        writes: [],
        standingTicks: 0,
        lastSoftState: { role: "follower", leader: undefined, term: hardState.term },
      },
      term: hardState.term,
      vote: hardState.vote,
      role: "follower",
      leader: undefined,
      electionElapsed: 0,
      electionTimeout: 0,
      hastenedElections: 0,
      leaderContactElapsed: Infinity,
      leadershipPriority: config.leadershipPriority,
      takeover: { failures: 0, declinesForTicks: 0 },
      acknowledged: { term: hardState.term, admittedAt: undefined, index: logIndex(0) },
      campaign: undefined,
      catchUp: undefined,
      leadership: undefined,
      forwardedReads: {
        // An answer to a read from before a restart must not be taken for one to a later read.
        pending: new Map(),
        nextNumber: Math.floor(config.random() * READ_NUMBER_STARTS) * READ_NUMBER_SPAN,
      },
      receiving: { partial: undefined, installing: undefined },
    };
    resetElectionTimer(this.#state);
  }

  /**
   * One unit of time has passed, or several at once, where whoever calls was held up. Of those that
   * come late only check-quorum takes account: what is done about the others, such as an election,
   * has time until the messages are read that came in meanwhile.
   */
  tick(passed = 1): void {
    tick(this.#state, passed);
  }

  /**
   * A message has come in, in whatever order, late, twice or never. Throws `InvariantViolation` for
   * what no correct cluster sends.
   */
  step(message: Message): void {
    stepMessage(this.#state, message);
  }

  /** Appends a batch of commands, one entry each. */
  propose(data: readonly Uint8Array[]): ProposeResult {
    return propose(this.#state, data);
  }

  /** Changes the configuration, several servers at once, by joint consensus (§4.3). */
  proposeMembership(changes: readonly MemberChange[]): ProposeMembershipResult {
    return proposeMembership(this.#state, changes);
  }

  /** Hands leadership over (§3.10); without `to`, to the voter whose log is furthest. */
  transferLeadership(to?: NodeId): TransferResult {
    return transferLeadership(this.#state, to);
  }

  /** Asks for a read index (§6.4); answered through `Ready.reads`, once for each call. */
  readIndex(requestId: number): void {
    requestRead(this.#state, requestId);
  }

  /** Starts an election now, if this server may lead and does not. */
  campaign(): void {
    maybeCampaign(this.#state);
  }

  /** The transport lost what was on its way to a peer. */
  reportUnreachable(peer: NodeId): void {
    reportUnreachable(this.#state, peer);
  }

  /** Nothing listens at the peer's address: its process has most likely ended. */
  reportGone(peer: NodeId): void {
    noteGone(this.#state, peer);
  }

  /** Changes the willingness to lead, 0 to 10; see `RaftCoreOptions.leadershipPriority`. */
  setLeadershipPriority(priority: number): void {
    invariant(
      priority >= 0 && priority <= MAX_LEADERSHIP_PRIORITY,
      `leadership priority ${priority} is out of range`,
    );
    this.#state.leadershipPriority = priority;
  }

  /** True where `ready` is worth a call; it may then still turn out empty. */
  hasReady(): boolean {
    return hasReady(this.#state);
  }

  /** Takes the work there is; see {@link Ready} for what is to be done with it. */
  ready(): Ready {
    return takeReady(this.#state);
  }

  /** The write of that sequence is durable, and all before it. */
  persisted(sequence: number): void {
    notePersisted(this.#state, sequence, false);
  }

  /**
   * In place of `persisted`, for a write whose snapshot chunk ended a snapshot that does not match
   * its checksum. The rest of the write is durable; the partial snapshot was thrown away.
   */
  persistedButSnapshotCorrupt(sequence: number): void {
    notePersisted(this.#state, sequence, true);
  }

  /** Applied up to here; after a `restore`, its index. */
  applied(index: LogIndex): void {
    this.#state.log.noteApplied(index);
  }

  /** False where `propose` would be refused: not the leader, or about to hand over. */
  canPropose(): boolean {
    return this.#state.leadership !== undefined && this.#state.leadership.transfer === undefined;
  }

  /** Newest entry of the log, on disk or not; cheaper than the whole status. */
  lastIndex(): LogIndex {
    return this.#state.log.lastIndex;
  }

  status(): RaftStatus {
    return statusOf(this.#state);
  }

  /**
   * The configuration in force at an index, for a snapshot there; undefined where compacted. Without
   * voters where a server that joined has none in its log yet: no snapshot may be taken there.
   */
  membershipAt(index: LogIndex): Membership | undefined {
    return this.#state.memberships.at(index);
  }
}
