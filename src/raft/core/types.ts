// The words of the protocol: branded numbers and names, log entries, hard state, snapshots.

declare const brand: unique symbol;
type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** Election term (§3.3); 0 before the first election. */
export type Term = Branded<number, "Term">;
/** Position in the log; the first entry has 1, 0 stands for "before the log". */
export type LogIndex = Branded<number, "LogIndex">;
/**
 * Name of a server, unique in its cluster. One whose log is lost may come back under it only once
 * its removal is committed: it has forgotten what it acknowledged and whom it voted for.
 */
export type NodeId = Branded<string, "NodeId">;

export const term = (value: number): Term => value as Term;
export const logIndex = (value: number): LogIndex => value as LogIndex;
export const nodeId = (value: string): NodeId => value as NodeId;

/**
 * What an entry carries. "noop" is what a leader appends first in its term (§6.4), "command" is the
 * state machine's, opaque to Raft, and "membership" is a whole configuration (§4.3) as
 * `encodeMembership` wrote it.
 */
export type EntryKind = "command" | "noop" | "membership";

export interface Entry {
  readonly index: LogIndex;
  readonly term: Term;
  readonly kind: EntryKind;
  /** Empty for a noop. */
  readonly data: Uint8Array;
}

/** What must be on disk before a vote or an acknowledgement leaves (figure 3.1, persistent state). */
export interface HardState {
  readonly term: Term;
  /** Candidate that received this server's vote in `term`, if any. */
  readonly vote: NodeId | undefined;
  /**
   * Known committed. Not needed for safety (§3.8), kept so that a restart applies at once; may be
   * behind.
   */
  readonly commit: LogIndex;
}

/** A server of the configuration. */
export interface Member {
  readonly id: NodeId;
  /** Opaque to Raft: where the layer above reaches it. */
  readonly address: string;
}

/**
 * A cluster configuration. In force as soon as it is appended, committed or not (§4.1).
 *
 * `voters` are the servers that vote and count in the new configuration. While `outgoing` is not
 * empty the configuration is joint: every decision needs a majority of `voters` and a majority of
 * `outgoing` (§4.3). Learners receive the log, and neither vote nor count (§4.2.1). No server is
 * both a voter (incoming or outgoing) and a learner; one that is to be demoted is in `outgoing`,
 * and in `learnersNext` until the joint configuration is left.
 */
export interface Membership {
  readonly voters: readonly Member[];
  readonly outgoing: readonly Member[];
  readonly learners: readonly Member[];
  readonly learnersNext: readonly Member[];
}

/** Identity of a snapshot: the state machine's state after applying `index`. */
export interface SnapshotMeta {
  readonly index: LogIndex;
  readonly term: Term;
  /** The configuration in force at `index`. */
  readonly membership: Membership;
  readonly sizeBytes: number;
  /** CRC-32C of the whole content. */
  readonly checksum: number;
}
