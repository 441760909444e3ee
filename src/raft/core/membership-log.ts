// The configurations that the log holds. The last one is in force, committed or not (§4.1), and the
// one before it comes back when its entry is dropped.
import { invariant } from "./errors.js";
import { decodeMembership } from "./membership.js";
import { logIndex } from "./types.js";
import type { RaftLog } from "./raft-log.js";
import type { Quorum } from "./quorum/joint.js";
import type { Entry, LogIndex, Membership, SnapshotMeta } from "./types.js";

export interface MembershipRecord {
  /** Of its entry; of the snapshot, or 0, for the oldest. */
  readonly index: LogIndex;
  readonly membership: Membership;
  readonly quorum: Quorum;
}

/** Read at once while scanning the log at a start. */
const SCAN_BYTES = 4 * 1024 * 1024;

export class MembershipLog {
  /** Ascending by index; never empty. */
  #records: MembershipRecord[];

  constructor(base: Membership, index: LogIndex) {
    this.#records = [record(index, base)];
  }

  /** Finds what a log on disk holds, after the snapshot's configuration or the bootstrap one. */
  static scan(log: RaftLog, bootstrap: Membership): MembershipLog {
    const snapshot = log.snapshot();
    const memberships = new MembershipLog(
      snapshot?.membership ?? bootstrap,
      snapshot?.index ?? logIndex(0),
    );
    let next = logIndex(Math.max(log.firstIndex(), memberships.current.index + 1));
    const end = logIndex(log.lastIndex + 1);
    while (next < end) {
      const entries = log.entries(next, end, SCAN_BYTES);
      const last = entries.at(-1);
      invariant(last !== undefined, `entry ${next} cannot be read at the start`);
      memberships.append(entries);
      next = logIndex(last.index + 1);
    }
    return memberships;
  }

  /** In force. */
  get current(): MembershipRecord {
    const last = this.#records.at(-1);
    invariant(last !== undefined, "there is always a configuration");
    return last;
  }

  /** In force before `current`, where that one's entry may still be dropped. */
  get previous(): MembershipRecord | undefined {
    return this.#records.at(-2);
  }

  /** Undefined for an index before the oldest one that is known. */
  at(index: LogIndex): Membership | undefined {
    return this.#records.findLast((each) => each.index <= index)?.membership;
  }

  /** Takes note of the configurations among appended entries. True where there is one. */
  append(entries: readonly Entry[]): boolean {
    let found = false;
    for (const entry of entries) {
      if (entry.kind !== "membership") continue;
      invariant(entry.index > this.current.index, "configurations come in log order");
      this.#records.push(record(entry.index, decodeMembership(entry.data)));
      found = true;
    }
    return found;
  }

  /** Entries at `index` and after were dropped. True where that changed the configuration. */
  truncateFrom(index: LogIndex): boolean {
    if (this.current.index < index) return false;
    this.#records = this.#records.filter((each) => each.index < index);
    return true;
  }

  /** Forgets what was superseded at or before a compacted index. */
  compactTo(index: LogIndex): void {
    const base = this.#records.findLastIndex((each) => each.index <= index);
    if (base > 0) this.#records = this.#records.slice(base);
  }

  restore(meta: SnapshotMeta): void {
    this.#records = [record(meta.index, meta.membership)];
  }
}

function record(index: LogIndex, membership: Membership): MembershipRecord {
  const incoming = membership.voters.map(({ id }) => id);
  const outgoing = membership.outgoing.map(({ id }) => id);
  return { index, membership, quorum: { incoming, outgoing } };
}
