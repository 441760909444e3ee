// The end of the log in memory: entries that are not yet on disk, and some that are and will be
// needed soon. Appending costs only what is appended.
import { invariant } from "./errors.js";
import { logIndex, term } from "./types.js";
import type { Entry, LogIndex, Term } from "./types.js";

/** What an entry costs beside its data, on the wire and in memory, about. */
const ENTRY_OVERHEAD_BYTES = 32;
/** Dropped slots at the array's head, at which it is compacted. */
const COMPACT_SLOTS = 1024;
/** Stands in a dropped slot, so that the entry is let go of at once and not when the array is cut. */
const DROPPED: Entry = { index: logIndex(0), term: term(0), kind: "noop", data: new Uint8Array() };

/** Size of an entry as all limits count it. */
export function entryBytes(entry: Entry): number {
  return entry.data.byteLength + ENTRY_OVERHEAD_BYTES;
}

/** The first of `entries` and as many more as `maxBytes` allow. */
export function limitBytes(entries: readonly Entry[], maxBytes: number): readonly Entry[] {
  let bytes = 0;
  for (const [position, entry] of entries.entries()) {
    bytes += entryBytes(entry);
    if (bytes > maxBytes && position > 0) return entries.slice(0, position);
  }
  return entries;
}

export class LogTail {
  /** Slots before #dead are dropped; #slots[#dead] is the entry at `firstIndex`. */
  #slots: Entry[] = [];
  #dead = 0;
  #firstIndex: LogIndex;
  #bytes = 0;

  constructor(firstIndex: LogIndex) {
    this.#firstIndex = firstIndex;
  }

  /** Of the oldest entry held, or where the next one goes. */
  get firstIndex(): LogIndex {
    return this.#firstIndex;
  }

  /** firstIndex - 1 where empty. */
  get lastIndex(): LogIndex {
    return logIndex(this.#firstIndex + this.#slots.length - this.#dead - 1);
  }

  get bytes(): number {
    return this.#bytes;
  }

  at(index: LogIndex): Entry | undefined {
    return index < this.#firstIndex ? undefined : this.#slots[this.#slot(index)];
  }

  term(index: LogIndex): Term | undefined {
    return this.at(index)?.term;
  }

  /** Entries of [from, to). */
  slice(from: LogIndex, to: LogIndex): Entry[] {
    invariant(from >= this.#firstIndex, "the tail was asked for entries before it");
    return this.#slots.slice(this.#slot(from), this.#slot(to));
  }

  /** The first of them and as many more as `maxBytes` allow. */
  sliceLimited(from: LogIndex, to: LogIndex, maxBytes: number): Entry[] {
    invariant(from >= this.#firstIndex, "the tail was asked for entries before it");
    const limited: Entry[] = [];
    let bytes = 0;
    for (let slot = this.#slot(from); slot < this.#slot(to); slot += 1) {
      const entry = this.#slots[slot];
      if (entry === undefined) break;
      bytes += entryBytes(entry);
      if (bytes > maxBytes && limited.length > 0) break;
      limited.push(entry);
    }
    return limited;
  }

  push(entry: Entry): void {
    invariant(entry.index === this.lastIndex + 1, "the log's tail has no gaps");
    this.#slots.push(entry);
    this.#bytes += entryBytes(entry);
  }

  /** Drops entries at `index` and after; what is before the tail is the caller's. */
  truncateFrom(index: LogIndex): void {
    if (index <= this.#firstIndex) {
      this.reset(index);
      return;
    }
    for (const entry of this.#slots.splice(this.#slot(index))) this.#bytes -= entryBytes(entry);
  }

  /** Drops the oldest entry. */
  dropFirst(): void {
    const entry = this.#slots[this.#dead];
    invariant(entry !== undefined, "nothing to drop from the tail");
    this.#bytes -= entryBytes(entry);
    this.#slots[this.#dead] = DROPPED;
    this.#dead += 1;
    this.#firstIndex = logIndex(this.#firstIndex + 1);
    if (this.#dead >= COMPACT_SLOTS && this.#dead * 2 >= this.#slots.length) {
      this.#slots = this.#slots.slice(this.#dead);
      this.#dead = 0;
    }
  }

  /** Empties it; the next entry goes to `nextIndex`. */
  reset(nextIndex: LogIndex): void {
    this.#slots = [];
    this.#dead = 0;
    this.#bytes = 0;
    this.#firstIndex = nextIndex;
  }

  #slot(index: LogIndex): number {
    return index - this.#firstIndex + this.#dead;
  }
}
