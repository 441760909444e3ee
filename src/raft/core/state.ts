// The state that the duties of the protocol share. Roles change only in roles.ts.
import { isVoter } from "./membership.js";
import type { MembershipLog } from "./membership-log.js";
import type { Message } from "./message.js";
import type { RaftConfig } from "./options.js";
import type { Outbox } from "./outbox.js";
import type { Progress } from "./progress.js";
import type { RaftLog } from "./raft-log.js";
import type { Role, SoftState } from "./ready.js";
import type { Entry, HardState, LogIndex, NodeId, SnapshotMeta, Term } from "./types.js";

export interface RaftState {
  readonly config: RaftConfig;
  readonly id: NodeId;
  readonly log: RaftLog;
  readonly memberships: MembershipLog;
  readonly outbox: Outbox;
  readonly disk: DiskState;

  /** Only grows. */
  term: Term;
  /** Set at most once a term. */
  vote: NodeId | undefined;
  role: Role;
  /** Of `term`, where known. */
  leader: NodeId | undefined;

  /** Ticks since this server last heard from a leader, granted a vote, or campaigned. */
  electionElapsed: number;
  /**
   * Drawn anew for each election, in [electionTicks, 2 * electionTicks) and more where unwilling; a
   * few ticks where the election is hastened.
   */
  electionTimeout: number;
  /** Elections that need no whole timeout: the leader is known to be gone, and no other was heard. */
  hastenedElections: number;
  /** Ticks since a leader was heard from; Infinity before the first time (§4.2.3). */
  leaderContactElapsed: number;
  leadershipPriority: number;
  /** Elections that a leader asked for and that this server did not win; see willingness.ts. */
  readonly takeover: { failures: number; declinesForTicks: number };
  /** Furthest entry that was acknowledged to the leader of that term, as that member. */
  acknowledged: {
    readonly term: Term;
    readonly admittedAt: LogIndex | undefined;
    readonly index: LogIndex;
  };

  /** Defined if and only if the role is candidate or pre-candidate. */
  campaign: Campaign | undefined;
  /** Only while no leader is known. */
  catchUp: CatchUp | undefined;
  /** Defined if and only if the role is leader. */
  leadership: Leadership | undefined;
  readonly forwardedReads: ForwardedReads;
  readonly receiving: SnapshotReception;
}

/** What was handed out for writing, and what of it is done. */
export interface DiskState {
  nextSequence: number;
  /** As last handed out. */
  written: HardState;
  /** Handed out and not yet done, oldest first. */
  readonly writes: {
    readonly sequence: number;
    readonly term: Term;
    readonly vote: NodeId | undefined;
    /** Its last chunk is in that write. */
    readonly installs: SnapshotMeta | undefined;
  }[];
  /** Ticks since a write was last done, while any is under way. */
  standingTicks: number;
  lastSoftState: SoftState;
}

export interface Campaign {
  /** Term that is campaigned for: the own one, or the next in a pre-vote. */
  readonly term: Term;
  readonly votes: Map<NodeId, boolean>;
  /** The old leader asked for it (§3.10). */
  readonly isTakeover: boolean;
}

/** The log of a voter that refused this server, on its way; see catch-up.ts. */
export type CatchUp =
  | CatchUpAsking
  /** Adopted, and not yet on disk up to there. */
  | { readonly kind: "writing"; readonly through: LogIndex };

export interface CatchUpAsking {
  readonly kind: "asking";
  readonly voter: NodeId;
  /** They refused as well, and are asked where `voter` cannot help. */
  readonly others: NodeId[];
  /** Entry of the own log that `gathered` follows; commit <= baseIndex <= lastIndex. */
  readonly baseIndex: LogIndex;
  readonly baseTerm: Term;
  /** Not more up to date than the own log. */
  readonly gathered: Entry[];
  gatheredBytes: number;
}

export interface Leadership {
  /** Every other member, and removed ones that are not yet told. */
  readonly peers: Map<NodeId, Progress>;
  /** Index of the noop that began the term. */
  readonly termStart: LogIndex;
  /** Something may be there to send to followers. */
  replicationDue: boolean;
  heartbeatElapsed: number;
  quorumElapsed: number;
  transfer: LeadershipTransfer | undefined;
  readonly uncommitted: UncommittedProposals;
  readonly reads: ReadRounds;
}

export interface LeadershipTransfer {
  readonly to: NodeId;
  elapsed: number;
  timeoutNowSent: boolean;
}

/** Proposals of this leader that wait for their commit, one record per call of `propose`. */
export interface UncommittedProposals {
  readonly batches: { readonly lastIndex: LogIndex; readonly bytes: number }[];
  bytes: number;
}

export interface ReadRequest {
  readonly requestId: number;
  readonly from: NodeId;
}

/** Reads that wait for a quorum to say that this server still leads (§6.4). */
export interface ReadRounds {
  /** Not yet part of a round. */
  waiting: ReadRequest[];
  /** Under way, ascending. */
  readonly rounds: {
    readonly round: number;
    readonly readIndex: LogIndex;
    readonly requests: readonly ReadRequest[];
  }[];
  lastRound: number;
  /** Requests in `waiting` and `rounds`. */
  pending: number;
}

export interface ForwardedReads {
  /** By the number that they travel under; `elapsed` in ticks. */
  readonly pending: Map<number, { readonly requestId: number; elapsed: number }>;
  nextNumber: number;
}

/** Whom an answer goes to, and as which member this server gives it. */
export type Sender = Pick<Message, "from" | "admittedAt">;

export interface SnapshotReception {
  /** The part that has come in. */
  partial: { readonly meta: SnapshotMeta; readonly nextOffset: number } | undefined;
  /** Whole, on its way to the disk: until then the log must not change. */
  installing: { readonly meta: SnapshotMeta; readonly sender: Sender } | undefined;
}

/**
 * May campaign: it votes in the configuration in force, or in the one before while that one may
 * still come back. A server that is being removed may be the only one whose log is complete enough
 * (§4.2.2).
 */
export function isPromotable(state: RaftState): boolean {
  if (state.receiving.installing !== undefined) return false;
  const { current, previous } = state.memberships;
  if (isVoter(current.membership, state.id)) return true;
  return (
    previous !== undefined &&
    current.index > state.log.commit &&
    isVoter(previous.membership, state.id)
  );
}
