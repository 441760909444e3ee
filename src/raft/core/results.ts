// What callers get back from the core: answers to proposals and transfers, and its status.
import type { ProgressState } from "./progress.js";
import type { Role } from "./ready.js";
import type { LogIndex, Member, Membership, NodeId, Term } from "./types.js";

export type ProposalRefusal =
  | "not-leader"
  /** Leadership is being handed over (§3.10). */
  | "transferring"
  /** maxUncommittedBytes wait for their commit already. */
  | "too-many-uncommitted";

export type MembershipRefusal =
  | "not-leader"
  | "transferring"
  /** A configuration is joint or not yet committed (§4.1). */
  | "change-in-progress"
  /** The leader has not yet committed an entry of its own term. */
  | "term-not-committed"
  | "no-voters"
  /** To be removed, and not a member. */
  | "unknown-member"
  /** Named twice in one change. */
  | "duplicate-member"
  | "no-change";

export type Refused<Reason> = {
  readonly kind: "refused";
  readonly reason: Reason;
  readonly leader: NodeId | undefined;
};

export type ProposeResult<Reason = ProposalRefusal> =
  /** `index` is that of the first; committed only if an entry of this term stands there then. */
  { readonly kind: "accepted"; readonly index: LogIndex; readonly term: Term } | Refused<Reason>;

export type ProposeMembershipResult = ProposeResult<MembershipRefusal>;

/** A change of one server; several make one change of the configuration. */
export type MemberChange =
  /** Adds it, promotes a learner, or changes its address. */
  | { readonly kind: "add-voter"; readonly member: Member }
  /** Adds it, demotes a voter, or changes its address. */
  | { readonly kind: "add-learner"; readonly member: Member }
  | { readonly kind: "remove"; readonly id: NodeId };

export type TransferRefusal =
  "not-leader" | "already-transferring" | "already-leader" | "not-a-voter" | "no-other-voter";

export type TransferResult =
  { readonly kind: "started"; readonly to: NodeId } | Refused<TransferRefusal>;

/** One follower or learner as the leader sees it. */
export interface PeerStatus {
  readonly id: NodeId;
  readonly match: LogIndex;
  readonly next: LogIndex;
  readonly state: ProgressState;
  /** Answered within the current check-quorum period. */
  readonly recentActive: boolean;
  readonly inflightMessages: number;
  readonly inflightBytes: number;
  /** Bytes of the snapshot that it is known to have, while in state "snapshot". */
  readonly snapshotOffset: number | undefined;
}

export interface RaftStatus {
  readonly id: NodeId;
  readonly role: Role;
  readonly term: Term;
  readonly vote: NodeId | undefined;
  readonly leader: NodeId | undefined;
  readonly commit: LogIndex;
  readonly applied: LogIndex;
  readonly lastIndex: LogIndex;
  /** Newest entry that is known to be on this server's disk. */
  readonly persistedIndex: LogIndex;
  readonly membership: Membership;
  /** Index of the entry that holds `membership`; 0 for the bootstrap configuration. */
  readonly membershipIndex: LogIndex;
  readonly transferringTo: NodeId | undefined;
  /** Empty unless leader. */
  readonly peers: readonly PeerStatus[];
}
