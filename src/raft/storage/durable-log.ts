// What the driver needs of a disk: the core's reader, and writes that are durable when they resolve.
import type {
  HardState,
  LogIndex,
  LogReader,
  Membership,
  SnapshotMeta,
  Write,
} from "../core/index.js";

/** How a write ended; the disk failing is an error instead. */
export type WriteOutcome = "durable" | "snapshot-corrupt";

export interface DurableLog extends LogReader {
  /** As found at start; undefined terms and votes of a new server are 0 and none. */
  readonly hardState: HardState;
  /** The configuration that the cluster was bootstrapped with; empty on a server that joins. */
  readonly membership: Membership;
  /** Aborted, with the reason, where nothing may be written any more; the node ends then. */
  readonly lost?: AbortSignal;
  /**
   * Makes the writes durable, in order, with one sync. Not called again before it has resolved.
   * Rejects where the disk failed: nothing may be written after that.
   */
  write(writes: readonly Write[]): Promise<readonly WriteOutcome[]>;
  /**
   * Makes a snapshot of this server's own state machine the newest one; one call at a time, also
   * while writes go on. Where a newer one was received meanwhile, that one stays and is the result.
   * Rejects with what `content` throws, nothing being changed then, or where the disk failed.
   */
  saveSnapshot(
    subject: Omit<SnapshotMeta, "sizeBytes" | "checksum">,
    content: AsyncIterable<Uint8Array>,
  ): Promise<SnapshotMeta>;
  /**
   * Drops entries up to `upTo`, as far as it is worth it, never past the snapshot, and none of the
   * newest `keepTailEntries`. May be called while a write or a snapshot is under way.
   */
  compact(upTo: LogIndex, keepTailEntries: number): Promise<void>;
}
