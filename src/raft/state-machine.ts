// What a Raft node asks of the state machine that it replicates.
import type { Entry, LogIndex, SnapshotMeta } from "./core/index.js";

/**
 * Lives in memory and starts empty: at a start it is brought up to date from the snapshot on disk
 * and the log after it. What one of its methods throws, except `snapshot`, ends the node.
 */
export interface StateMachine {
  /**
   * Committed entries, each once, in order, noops and configurations included. Only `data` of kind
   * "command" is the state machine's own. Called within the node's turn: it must not take long.
   */
  apply(entries: readonly Entry[]): void;

  /**
   * The state as of `meta.index` takes the place of everything. Called at a start, and when a
   * snapshot was received from the leader; nothing is applied until it resolves, while the node goes
   * on voting and answering. It may be called again after it has failed with what `content` threw.
   *
   * @param content what `snapshot` gave, in chunks of another size, to be read once; let through what
   *   it throws: the snapshot was replaced by a newer one, or the node stops
   */
  restore(meta: SnapshotMeta, content: AsyncIterable<Uint8Array>): Promise<void>;

  /**
   * A snapshot to be put on disk while entries go on being applied. Undefined where there is none to
   * be had now, or what it throws: asked again after as many entries as the policy says. Absent: no
   * snapshots are taken, and the log grows.
   *
   * @param applied newest entry that was applied
   * @param signal the snapshot is not wanted any more: the node stops, or restores another one
   */
  snapshot?(
    applied: LogIndex,
    signal: AbortSignal,
  ): StateSnapshot | undefined | Promise<StateSnapshot | undefined>;

  /**
   * The log must keep all entries after this one for the state machine's owner, whatever snapshots
   * there are. Asked once a tick. Absent: snapshots alone decide.
   */
  mayCompactThrough?(): LogIndex;
}

export interface StateSnapshot {
  /** The content is the state after this entry: with the entries after it, it gives any later one. */
  readonly index: LogIndex;
  /** Chunks of any size, read as fast as the disk takes them. */
  readonly content: Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}
