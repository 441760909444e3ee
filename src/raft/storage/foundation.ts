// What a server's durable state stands on, and the log that is found there.
import type { FileSystem } from "./file-system.js";
import { recoverLog } from "./log-recovery.js";
import { SegmentedLog } from "./segmented-log.js";
import type { SnapshotStore } from "./snapshot-store.js";

export interface Foundation {
  readonly dir: string;
  readonly files: FileSystem;
  readonly segmentBytes: number;
  readonly cacheBytes: number;
}

/** @throws LogCorrupt */
export async function openLog(
  foundation: Foundation,
  snapshots: SnapshotStore,
): Promise<SegmentedLog> {
  const { files, dir } = foundation;
  const { meta } = snapshots;
  const log = new SegmentedLog(foundation, await recoverLog(files, dir, meta?.index ?? 0));
  // A crash came between a snapshot's arrival and the log's new beginning (figure 5.3, rules 6 to 8).
  if (meta !== undefined && log.term(meta.index) !== meta.term) {
    try {
      await log.reset(meta.index, meta.term);
    } catch (error) {
      await log.close();
      throw error;
    }
  }
  return log;
}
