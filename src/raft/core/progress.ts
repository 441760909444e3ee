// One follower as the leader sees it: how far its log matches, what is on its way to it, and how to
// send it more.
import { invariant } from "./errors.js";
import { InflightWindow } from "./inflight.js";
import { logIndex } from "./types.js";
import type { LogIndex, SnapshotMeta } from "./types.js";

/**
 * - "probe": where its log matches is not known; one append at a time, until it answers.
 * - "replicate": it matches; appends are pipelined, `next` runs ahead of what it acknowledged.
 * - "snapshot": it needs entries that are compacted; chunks are sent, no appends.
 */
export type ProgressState = "probe" | "replicate" | "snapshot";

/** A snapshot on its way: one chunk at a time. */
export interface SnapshotTransfer {
  readonly meta: SnapshotMeta;
  /** Bytes that the follower is known to have; 0 <= offset <= meta.sizeBytes. */
  offset: number;
  /** End of the chunk that waits for its answer; undefined where the next one is to be sent. */
  awaitedEnd: number | undefined;
  /** Ticks since that chunk was sent. */
  awaitedTicks: number;
}

export class Progress {
  /** Known to be on its disk and equal to the leader's. 0 <= match < next. */
  match: LogIndex = logIndex(0);
  /** Next entry to send. match < next <= leader's last index + 1. */
  next: LogIndex;
  state: ProgressState = "probe";
  /** Answered within the current check-quorum period. */
  recentActive = false;
  /** Added within the current check-quorum period: that it has not answered says nothing yet. */
  isNewcomer = false;
  /** In state "probe": an append is on its way, none is sent until an answer or a heartbeat. */
  probeSent = false;
  readonly inflight: InflightWindow;
  /** Defined if and only if the state is "snapshot". */
  snapshot: SnapshotTransfer | undefined;
  /** Commit index that it will know when all that was sent in this state arrives. */
  sentCommit: LogIndex = logIndex(0);
  /** Newest read round that it answered (§6.4). */
  ackedRound = 0;
  /** `match` when it last answered a heartbeat: unchanged since, appends may have been lost. */
  matchAtHeartbeat: LogIndex = logIndex(0);
  /** As its heartbeat responses say. */
  leadershipPriority = 0;
  /**
   * Index of the configuration that removed it. It is sent the log until it can know that this
   * configuration is committed, or for a while; it counts for nothing.
   */
  departsAt: LogIndex | undefined;
  departedTicks = 0;

  /** `admittedAt`: undefined for who was a member when the leader's term began; see message.ts. */
  constructor(
    next: LogIndex,
    readonly admittedAt: LogIndex | undefined,
    maxInflightMessages: number,
    maxInflightBytes: number,
  ) {
    this.next = next;
    this.inflight = new InflightWindow(maxInflightMessages, maxInflightBytes);
  }

  becomeProbe(): void {
    // After a snapshot, what it covers need not be probed for: if it arrived, that is known.
    this.#reset("probe", logIndex(this.match + 1));
  }

  becomeReplicate(): void {
    this.#reset("replicate", logIndex(this.match + 1));
  }

  becomeSnapshot(meta: SnapshotMeta): void {
    this.#reset("snapshot", logIndex(Math.max(this.match, meta.index) + 1));
    this.snapshot = { meta, offset: 0, awaitedEnd: undefined, awaitedTicks: 0 };
  }

  #reset(state: ProgressState, next: LogIndex): void {
    this.state = state;
    this.next = next;
    this.probeSent = false;
    this.snapshot = undefined;
    this.sentCommit = logIndex(0);
    this.inflight.clear();
  }

  /** Nothing may be appended for now. */
  isPaused(): boolean {
    switch (this.state) {
      case "probe":
        return this.probeSent;
      case "replicate":
        return this.inflight.isFull();
      case "snapshot":
        return true;
    }
  }

  /** An append with entries up to `lastIndex` was sent; none where `bytes` is 0. */
  noteSent(lastIndex: LogIndex, bytes: number, leaderCommit: LogIndex): void {
    this.sentCommit = logIndex(Math.max(this.sentCommit, Math.min(leaderCommit, lastIndex)));
    if (this.state === "probe") {
      this.probeSent = true;
      return;
    }
    invariant(this.state === "replicate", "an append was sent while a snapshot is");
    if (bytes > 0) {
      this.inflight.add(lastIndex, bytes);
      this.next = logIndex(lastIndex + 1);
    }
  }

  /** An acknowledgement came in. False where it says nothing new. */
  maybeAdvance(match: LogIndex): boolean {
    if (this.state === "replicate") this.inflight.freeUpTo(match);
    if (match <= this.match) return false;
    this.match = match;
    this.next = logIndex(Math.max(this.next, match + 1));
    return true;
  }

  /**
   * An append was refused. `next` goes back to one past `lastPossibleMatch`, what the leader makes
   * of the follower's hint. False where the refusal is old news.
   */
  maybeBackUp(rejectedIndex: LogIndex, lastPossibleMatch: LogIndex): boolean {
    switch (this.state) {
      case "replicate":
        // A refusal at or below `match` was overtaken by a later acknowledgement.
        if (rejectedIndex <= this.match) return false;
        this.becomeProbe();
        return true;
      case "probe":
        if (rejectedIndex !== this.next - 1 || rejectedIndex <= this.match) return false;
        this.next = logIndex(
          Math.max(Math.min(rejectedIndex, lastPossibleMatch + 1), this.match + 1),
        );
        this.probeSent = false;
        return true;
      case "snapshot":
        return false;
    }
  }
}
