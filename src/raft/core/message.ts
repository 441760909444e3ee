// What servers say to each other. One union, so that a switch over it is checked for completeness.
import type { Entry, LogIndex, NodeId, SnapshotMeta, Term } from "./types.js";

interface Envelope {
  readonly from: NodeId;
  readonly to: NodeId;
  /** Sender's term; for a pre-vote request the term that it would campaign in (§9.6). */
  readonly term: Term;
  /**
   * A leader's append, heartbeat or chunk: index of the configuration that added the receiver while it
   * led this term; undefined for who was a member before. Its answer brings it back, and counts for
   * that membership alone: a server that was removed and added again is a new one.
   */
  readonly admittedAt?: LogIndex | undefined;
}

/** RequestVote (§3.4), and its trial run, the pre-vote (§9.6). */
export interface VoteRequest extends Envelope {
  readonly kind: "vote-request";
  readonly preVote: boolean;
  readonly lastLogIndex: LogIndex;
  readonly lastLogTerm: Term;
  /** The old leader asked for this election, so that voters need not stand by it (§3.10, §4.2.3). */
  readonly transfer: boolean;
}

export interface VoteResponse extends Envelope {
  readonly kind: "vote-response";
  readonly preVote: boolean;
  readonly granted: boolean;
  /** Refused, since the own log is more complete: the candidate may ask for what it lacks. */
  readonly offersLog: boolean;
}

/** A candidate that was refused for its log asks the voter for what follows an entry of its own. */
export interface CatchUpRequest extends Envelope {
  readonly kind: "catch-up-request";
  readonly prevLogIndex: LogIndex;
  readonly prevLogTerm: Term;
}

export interface CatchUpResponse extends Envelope {
  readonly kind: "catch-up-response";
  /** As asked for. */
  readonly prevLogIndex: LogIndex;
  readonly prevLogTerm: Term;
  readonly result:
    /** What follows, as far as one message may hold it. */
    | { readonly kind: "entries"; readonly entries: readonly Entry[] }
    /** No such entry: the voter's last one whose term is at most that (fast back-up, §3.5). */
    | { readonly kind: "conflict"; readonly hintIndex: LogIndex; readonly hintTerm: Term }
    | { readonly kind: "compacted" };
}

/** AppendEntries (§3.5) with at least the log position to match. */
export interface AppendRequest extends Envelope {
  readonly kind: "append-request";
  readonly prevLogIndex: LogIndex;
  readonly prevLogTerm: Term;
  readonly entries: readonly Entry[];
  readonly leaderCommit: LogIndex;
}

export interface AppendResponse extends Envelope {
  readonly kind: "append-response";
  readonly result:
    | { readonly success: true; readonly matchIndex: LogIndex }
    | {
        readonly success: false;
        /** prevLogIndex of the request that was refused: tells a stale refusal from a new one. */
        readonly rejectedIndex: LogIndex;
        /**
         * Where the leader should look next: the follower's last entry whose term is at most
         * prevLogTerm, and that term (fast back-up, §3.5).
         */
        readonly hintIndex: LogIndex;
        readonly hintTerm: Term;
      };
}

/** A leader's sign of life; carries the context of reads that wait for a quorum (§6.4). */
export interface Heartbeat extends Envelope {
  readonly kind: "heartbeat";
  /** min(match index of the receiver, the leader's commit): never past what it surely has. */
  readonly commit: LogIndex;
  /** Number of the latest read round; 0 for none. */
  readonly readRound: number;
}

export interface HeartbeatResponse extends Envelope {
  readonly kind: "heartbeat-response";
  readonly readRound: number;
  /** The sender's willingness to lead, 0 to 10: a leader hands over to a more willing follower. */
  readonly leadershipPriority: number;
}

/** InstallSnapshot (figure 5.3), one chunk of it. */
export interface SnapshotChunk extends Envelope {
  readonly kind: "snapshot-chunk";
  readonly meta: SnapshotMeta;
  readonly offset: number;
  readonly data: Uint8Array;
  readonly done: boolean;
}

/** How far a snapshot has been received: the leader goes on at `nextOffset`. */
export interface SnapshotResponse extends Envelope {
  readonly kind: "snapshot-response";
  readonly index: LogIndex;
  readonly result:
    | { readonly kind: "progress"; readonly nextOffset: number }
    /** On disk whole and checked, or not needed: the log reaches `matchIndex`. */
    | { readonly kind: "installed"; readonly matchIndex: LogIndex }
    /** The content did not match its checksum: start again at 0. */
    | { readonly kind: "corrupt" };
}

/** Tells a voter to campaign at once (§3.10). */
export interface TimeoutNow extends Envelope {
  readonly kind: "timeout-now";
}

/** A follower asks the leader for a read index (§6.4). */
export interface ReadIndexRequest extends Envelope {
  readonly kind: "read-index-request";
  readonly requestId: number;
}

export interface ReadIndexResponse extends Envelope {
  readonly kind: "read-index-response";
  readonly requestId: number;
  /** Undefined where the receiver of the request does not lead. */
  readonly readIndex: LogIndex | undefined;
}

export type Message =
  | VoteRequest
  | VoteResponse
  | CatchUpRequest
  | CatchUpResponse
  | AppendRequest
  | AppendResponse
  | Heartbeat
  | HeartbeatResponse
  | SnapshotChunk
  | SnapshotResponse
  | TimeoutNow
  | ReadIndexRequest
  | ReadIndexResponse;
