// What the core is given: its options with their defaults, and the reader of what is on disk.
import { invariant } from "./errors.js";
import type {
  Entry,
  HardState,
  LogIndex,
  Membership,
  NodeId,
  SnapshotMeta,
  Term,
} from "./types.js";

/**
 * What the core reads, synchronously, of what is on disk. It never asks for an entry that was not
 * reported as persisted, nor for one that a write under way is about to replace.
 */
export interface LogReader {
  /** Oldest entry that can be read; one past the snapshot (or 1) where the log is empty. */
  firstIndex(): LogIndex;
  /** Newest entry on disk; the snapshot's index (or 0) where the log is empty. */
  lastIndex(): LogIndex;
  /** Undefined where compacted or out of range; known for the entry just before `firstIndex()`. */
  term(index: LogIndex): Term | undefined;
  /** Entries of [from, to), at least one if there is any, about `maxBytes` of them at most. */
  entries(from: LogIndex, to: LogIndex, maxBytes: number): readonly Entry[];
  /** Newest snapshot on disk. */
  snapshot(): SnapshotMeta | undefined;
  /** Undefined where that snapshot was replaced meanwhile. Empty past its end. */
  snapshotChunk(meta: SnapshotMeta, offset: number, maxBytes: number): Uint8Array | undefined;
}

export interface RaftCoreOptions {
  readonly id: NodeId;
  readonly log: LogReader;
  readonly hardState: HardState;
  /**
   * The configuration before the first entry of the log, used where there is no snapshot: what the
   * cluster was bootstrapped with, or `emptyMembership` for a server that joins or whose log holds
   * its configuration as an entry. Configurations in the log are found by scanning it.
   */
  readonly membership: Membership;
  /** What the state machine has applied (its snapshot, at least): entries after it are handed out. */
  readonly applied: LogIndex;
  /** Uniform in [0, 1), seeded by the caller. */
  readonly random: () => number;
  /** Minimum election timeout; each is drawn from [n, 2n). Default 10. */
  readonly electionTicks?: number;
  /** Default 1. */
  readonly heartbeatTicks?: number;
  /** Of the payload of one append message. Default 256 KiB. */
  readonly maxEntriesBytes?: number;
  /** Append messages on their way to one follower. Default 64. */
  readonly maxInflightMessages?: number;
  /** Bytes on their way to one follower. Default 4 MiB. */
  readonly maxInflightBytes?: number;
  /** Proposals of this leader that wait for their commit; above, they are refused. Default 32 MiB. */
  readonly maxUncommittedBytes?: number;
  /** Committed entries handed out and not yet reported as applied. Default 4 MiB. */
  readonly maxApplyingBytes?: number;
  /** Default 256 KiB. */
  readonly snapshotChunkBytes?: number;
  /** Reads that wait for their read index. Default 16384. */
  readonly maxPendingReads?: number;
  /**
   * Willingness to lead, 0 to 10, default 10. A server waits longer before it campaigns the lower
   * it is, and a leader hands over to a follower of a higher one that has caught up.
   */
  readonly leadershipPriority?: number;
  /** A leader that no longer hears from a quorum steps down (§6.2). Default true. */
  readonly checkQuorum?: boolean;
  /** Default true (§9.6). */
  readonly preVote?: boolean;
  /**
   * A server that is refused for its outdated log asks the voter for what it lacks, and voters offer
   * that (docs/raft.md). Default true.
   */
  readonly catchUp?: boolean;
  /** Of a voter's log, kept aside until it is known to be worth adopting. Default 4 MiB. */
  readonly maxCatchUpBytes?: number;
}

export const MAX_LEADERSHIP_PRIORITY = 10;

const KIB = 1024;
const MIB = 1024 * KIB;

const DEFAULTS = {
  electionTicks: 10,
  heartbeatTicks: 1,
  maxEntriesBytes: 256 * KIB,
  maxInflightMessages: 64,
  maxInflightBytes: 4 * MIB,
  maxUncommittedBytes: 32 * MIB,
  maxApplyingBytes: 4 * MIB,
  snapshotChunkBytes: 256 * KIB,
  maxPendingReads: 16384,
  leadershipPriority: MAX_LEADERSHIP_PRIORITY,
  checkQuorum: true,
  preVote: true,
  catchUp: true,
  maxCatchUpBytes: 4 * MIB,
} as const;

/** The options with every default resolved. */
export type RaftConfig = Required<RaftCoreOptions>;

/** Resolves the defaults. Throws `InvariantViolation` for values that cannot work. */
export function resolveOptions(options: RaftCoreOptions): RaftConfig {
  const config: RaftConfig = { ...DEFAULTS, ...options };
  invariant(config.heartbeatTicks >= 1, "heartbeatTicks must be 1 or more");
  invariant(
    config.electionTicks > config.heartbeatTicks,
    "electionTicks must be more than heartbeatTicks",
  );
  for (const name of [
    "maxEntriesBytes",
    "maxInflightMessages",
    "maxInflightBytes",
    "maxUncommittedBytes",
    "maxApplyingBytes",
    "snapshotChunkBytes",
    "maxPendingReads",
    "maxCatchUpBytes",
  ] as const) {
    invariant(config[name] >= 1, `${name} must be 1 or more`);
  }
  invariant(
    config.leadershipPriority >= 0 && config.leadershipPriority <= MAX_LEADERSHIP_PRIORITY,
    `leadershipPriority must be 0 to ${MAX_LEADERSHIP_PRIORITY}`,
  );
  return config;
}
