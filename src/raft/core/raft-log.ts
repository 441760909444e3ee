// The log as the protocol sees it: the tail in memory in front of what is on disk, and how far it is
// written, committed and applied.
import { invariant } from "./errors.js";
import { entryBytes, limitBytes, LogTail } from "./log-tail.js";
import { logIndex, term } from "./types.js";
import type { LogReader } from "./options.js";
import type { Entry, LogIndex, SnapshotMeta, Term } from "./types.js";

/** Of entries on disk that are held in memory because they are soon to be applied. */
const MAX_CACHED_BYTES = 8 * 1024 * 1024;

interface WriteUnderWay {
  readonly sequence: number;
  /** Everything up to here is on disk when it is done, and not to be replaced since. */
  lastIndex: LogIndex;
}

/** applied <= applying <= min(commit, persisted) and max(commit, persisted) <= lastIndex. */
export class RaftLog {
  readonly #reader: LogReader;
  readonly #tail: LogTail;
  readonly #writes: WriteUnderWay[] = [];
  /** Next entry to hand out for writing. persisted < nextToWrite <= lastIndex + 1. */
  #nextToWrite: LogIndex;
  #persisted: LogIndex;
  #commit: LogIndex;
  #applying: LogIndex;
  #applied: LogIndex;
  /** Of the entry at lastIndex. Kept, since a disk that takes a snapshot in has no old entries. */
  #lastTerm: Term;
  /** Batches handed out for applying, oldest first, and their size. */
  readonly #batches: { readonly lastIndex: LogIndex; readonly bytes: number }[] = [];
  #applyingBytes = 0;

  constructor(reader: LogReader, commit: LogIndex, applied: LogIndex) {
    const last = reader.lastIndex();
    const snapshotIndex = reader.snapshot()?.index ?? logIndex(0);
    invariant(applied >= snapshotIndex, "the state machine is behind the snapshot on disk");
    invariant(commit <= last, "the log on disk ends before what was committed");
    invariant(applied <= last, "the log on disk ends before what was applied");
    this.#reader = reader;
    this.#tail = new LogTail(logIndex(last + 1));
    this.#nextToWrite = logIndex(last + 1);
    this.#persisted = last;
    this.#commit = logIndex(Math.max(commit, applied));
    this.#applying = applied;
    this.#applied = applied;
    const lastTerm = this.term(last);
    invariant(lastTerm !== undefined, "the last entry's term is known at a start");
    this.#lastTerm = lastTerm;
  }

  get lastIndex(): LogIndex {
    return this.#tail.lastIndex;
  }

  get lastTerm(): Term {
    return this.#lastTerm;
  }

  /** Newest entry known to be on this server's disk. */
  get persisted(): LogIndex {
    return this.#persisted;
  }

  get commit(): LogIndex {
    return this.#commit;
  }

  get applied(): LogIndex {
    return this.#applied;
  }

  firstIndex(): LogIndex {
    return this.#reader.firstIndex();
  }

  snapshot(): SnapshotMeta | undefined {
    return this.#reader.snapshot();
  }

  snapshotChunk(meta: SnapshotMeta, offset: number, maxBytes: number): Uint8Array | undefined {
    return this.#reader.snapshotChunk(meta, offset, maxBytes);
  }

  /** Undefined where compacted or past the end; 0 before the first entry. */
  term(index: LogIndex): Term | undefined {
    if (index === 0) return term(0);
    if (index >= this.#tail.firstIndex) return this.#tail.term(index);
    return this.#reader.term(index);
  }

  matches(index: LogIndex, entryTerm: Term): boolean {
    return this.term(index) === entryTerm;
  }

  /** The other log is at least as complete as this one (§3.6.1). */
  isUpToDate(lastIndex: LogIndex, lastTerm: Term): boolean {
    const own = this.lastTerm;
    return lastTerm > own || (lastTerm === own && lastIndex >= this.lastIndex);
  }

  /**
   * Entries of [from, to), about `maxBytes`; fewer where the tail begins. Empty where `from` is
   * compacted.
   */
  entries(from: LogIndex, to: LogIndex, maxBytes: number): readonly Entry[] {
    if (from >= to) return [];
    if (from >= this.#tail.firstIndex) return this.#tail.sliceLimited(from, to, maxBytes);
    if (from < this.#reader.firstIndex()) return [];
    const end = logIndex(Math.min(to, this.#tail.firstIndex));
    return limitBytes(this.#reader.entries(from, end, maxBytes), maxBytes);
  }

  /**
   * Newest index at or below `from` whose term is at most `maxTerm`; the search ends at `floor`,
   * which is known to match. Both sides of the fast back-up (§3.5).
   */
  lastIndexWithTermAtMost(from: LogIndex, maxTerm: Term, floor: LogIndex): LogIndex {
    for (let index = from; index > floor; index = logIndex(index - 1)) {
      const here = this.term(index);
      if (here === undefined || here <= maxTerm) return index;
    }
    return floor;
  }

  append(entries: readonly Entry[]): void {
    for (const entry of entries) this.#tail.push(entry);
    this.#lastTerm = entries.at(-1)?.term ?? this.#lastTerm;
  }

  /** Drops entries at `index` and after: they conflict with the leader's (§3.5). */
  truncateFrom(index: LogIndex): void {
    invariant(index > this.#commit, `committed entry ${index} would be dropped`);
    const before = logIndex(index - 1);
    const lastTerm = this.term(before);
    invariant(lastTerm !== undefined, "what is kept ends with an entry that is known");
    this.#lastTerm = lastTerm;
    if (index <= this.#tail.firstIndex) this.#tail.reset(index);
    else this.#tail.truncateFrom(index);
    this.#persisted = min(this.#persisted, before);
    this.#nextToWrite = min(this.#nextToWrite, index);
    // A write under way still puts the old entries on disk; it must not vouch for the new ones.
    for (const write of this.#writes) write.lastIndex = min(write.lastIndex, before);
  }

  hasUnwritten(): boolean {
    return this.#nextToWrite <= this.lastIndex;
  }

  /** Hands out what is to be written; the write of that sequence covers it. */
  takeUnwritten(sequence: number): readonly Entry[] {
    const entries = this.#tail.slice(this.#nextToWrite, logIndex(this.lastIndex + 1));
    this.#nextToWrite = logIndex(this.lastIndex + 1);
    this.#writes.push({ sequence, lastIndex: this.lastIndex });
    return entries;
  }

  /** A write is done. */
  notePersisted(sequence: number): void {
    const write = this.#writes.shift();
    invariant(write?.sequence === sequence, `write ${sequence} was not the next to finish`);
    this.#persisted = logIndex(Math.max(this.#persisted, write.lastIndex));
    this.#trim();
  }

  /** Committed up to here (no further than the log reaches); false where that is known. */
  commitTo(index: LogIndex): boolean {
    if (index <= this.#commit) return false;
    invariant(index <= this.lastIndex, `commit ${index} is past the log's end ${this.lastIndex}`);
    this.#commit = index;
    return true;
  }

  hasCommitted(maxApplyingBytes: number): boolean {
    return (
      this.#applying < Math.min(this.#commit, this.#persisted) &&
      this.#applyingBytes < maxApplyingBytes
    );
  }

  /**
   * Hands out entries to apply, about `maxApplyingBytes` under way at most. Only what is on this
   * disk too: after a crash the state machine must not be ahead of the log.
   */
  takeCommitted(maxApplyingBytes: number): readonly Entry[] {
    if (!this.hasCommitted(maxApplyingBytes)) return [];
    const from = logIndex(this.#applying + 1);
    const to = logIndex(Math.min(this.#commit, this.#persisted) + 1);
    const entries = this.entries(from, to, maxApplyingBytes - this.#applyingBytes);
    const last = entries.at(-1);
    invariant(last !== undefined && entries[0]?.index === from, "unapplied entries are compacted");
    const bytes = entries.reduce((sum, entry) => sum + entryBytes(entry), 0);
    this.#batches.push({ lastIndex: last.index, bytes });
    this.#applyingBytes += bytes;
    this.#applying = last.index;
    this.#trim();
    return entries;
  }

  noteApplied(index: LogIndex): void {
    invariant(index <= this.#applying, `applied ${index} was never handed out`);
    invariant(index >= this.#applied, "applied goes back");
    this.#applied = index;
    let batch = this.#batches[0];
    while (batch !== undefined && batch.lastIndex <= index) {
      this.#applyingBytes -= batch.bytes;
      this.#batches.shift();
      batch = this.#batches[0];
    }
  }

  /** The snapshot on disk has replaced the log. */
  restore(meta: SnapshotMeta): void {
    invariant(meta.index > this.#commit, "a snapshot would take back what is committed");
    this.#tail.reset(logIndex(meta.index + 1));
    this.#lastTerm = meta.term;
    this.#nextToWrite = logIndex(meta.index + 1);
    this.#persisted = meta.index;
    this.#commit = meta.index;
    this.#applying = meta.index;
    for (const write of this.#writes) write.lastIndex = meta.index;
  }

  #trim(): void {
    while (
      this.#tail.firstIndex <= this.#persisted &&
      (this.#tail.firstIndex <= this.#applying || this.#tail.bytes > MAX_CACHED_BYTES)
    ) {
      this.#tail.dropFirst();
    }
  }
}

function min(a: LogIndex, b: LogIndex): LogIndex {
  return a < b ? a : b;
}
