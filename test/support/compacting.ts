// Settings of `raft` with which a test soon has snapshots, and logs without their beginning.

/** Snapshots every second or so of a load. */
export const COMPACTING = {
  snapshotEveryEntries: 100,
  snapshotEveryBytes: 65_536,
  keepEntries: 20,
  segmentBytes: 65_536,
};
