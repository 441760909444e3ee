// What the core wants done: it does no I/O, it hands out batches of work and is told when the disk
// has caught up.
import type { Message } from "./message.js";
import type {
  Entry,
  HardState,
  LogIndex,
  Membership,
  NodeId,
  SnapshotMeta,
  Term,
} from "./types.js";

export type Role = "follower" | "pre-candidate" | "candidate" | "leader";

/** What watchers want to know at once; not persistent. */
export interface SoftState {
  readonly role: Role;
  readonly leader: NodeId | undefined;
  readonly term: Term;
}

/** A read that may be answered once the state machine has applied `readIndex` (§6.4). */
export interface ReadReady {
  readonly requestId: number;
  /** Undefined where the read was given up: no leader, or leadership lost. Ask again. */
  readonly readIndex: LogIndex | undefined;
}

/**
 * A batch of work. The driver
 *  1. sends `messages` at once: they depend on nothing that is not yet on disk (§10.2.1: a leader
 *     replicates while it writes);
 *  2. makes `write` durable, in order, with one sync, then calls `core.persisted(write.sequence)`,
 *     and only then sends `write.messagesAfter` (votes, acknowledgements);
 *  3. applies `committed` in order, then calls `core.applied(index)`;
 *  4. answers `reads`.
 * A write may be under way while further batches are taken; writes finish in the order in which
 * they were handed out.
 */
export interface Ready {
  readonly softState: SoftState | undefined;
  readonly membership: Membership | undefined;
  readonly messages: readonly Message[];
  readonly write: Write | undefined;
  readonly committed: readonly Entry[];
  readonly reads: readonly ReadReady[];
  /**
   * A snapshot was received whole and is durable (its last chunk was reported as persisted): the
   * state machine is to be replaced by it before `committed` is applied, then call
   * `core.applied(restore.index)`.
   */
  readonly restore: SnapshotMeta | undefined;
}

export interface Write {
  /** Counts up by 1 from 1. */
  readonly sequence: number;
  /** Undefined where it did not change. */
  readonly hardState: HardState | undefined;
  /** Appended at entries[0].index; what stands there or after is dropped first. */
  readonly entries: readonly Entry[];
  /**
   * Received chunk, to be put in place; offset 0 starts a new one and drops any partial before it.
   * With `done` the snapshot is checked, and replaces the whole log: none of it continues the
   * snapshot. Where the checksum fails, the log stays as it is, the partial is dropped, and the
   * driver calls `core.persistedButSnapshotCorrupt(sequence)` in place of `persisted`. A write with
   * `done` carries no entries.
   */
  readonly snapshotChunk:
    | {
        readonly meta: SnapshotMeta;
        readonly offset: number;
        readonly data: Uint8Array;
        readonly done: boolean;
      }
    | undefined;
  readonly messagesAfter: readonly Message[];
}
