// A committed log entry as the queue reads it: what every room that follows the log is handed.
import type { CommandBatch } from "../../gen/mesh/v1/command.js";

/** One committed log entry, as far as the queue is concerned. */
export interface CommittedEntry {
  /** Its place in the log: the fence of what it assigns. */
  readonly index: number;
  /** The term of the leader that wrote it. */
  readonly term: number;
  /**
   * Its commands and the time at which it was proposed; undefined for entries without commands:
   * noops and memberships.
   */
  readonly batch: CommandBatch | undefined;
}
