// What the driver needs of a disk: the core's reader, and writes that are durable when they resolve.
import type { HardState, LogReader, Membership, Write } from "./core/index.js";

/** How a write ended; the disk failing is an error instead. */
export type WriteOutcome = "durable" | "snapshot-corrupt";

export interface DurableLog extends LogReader {
  /** As found at start; undefined terms and votes of a new server are 0 and none. */
  readonly hardState: HardState;
  /** The configuration that the cluster was bootstrapped with; empty on a server that joins. */
  readonly membership: Membership;
  /**
   * Makes the writes durable, in order, with one sync. Not called again before it has resolved.
   * Rejects where the disk failed: nothing may be written after that.
   */
  write(writes: readonly Write[]): Promise<readonly WriteOutcome[]>;
}
