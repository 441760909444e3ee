// The newest entries, kept in memory within a bound of bytes: followers that keep up, and the state
// machine, read these and not the disk.
import type { Entry } from "../core/index.js";

/** What an entry costs beside its data, about. */
const ENTRY_OVERHEAD_BYTES = 128;
/** Dropped slots at the head, at which the array is cut. */
const COMPACT_SLOTS = 1024;

/** Holds a run of entries without a gap that ends with the log's last, or nothing. */
export class RecentEntries {
  readonly #maxBytes: number;
  #slots: (Entry | undefined)[] = [];
  #head = 0;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get(index: number): Entry | undefined {
    const first = this.#slots[this.#head];
    return first === undefined || index < first.index
      ? undefined
      : this.#slots[this.#head + index - first.index];
  }

  /** Adds the log's new last entry; it replaces what stands at its index or after. */
  push(entry: Entry): void {
    while ((this.#slots.at(-1)?.index ?? 0) >= entry.index && this.#slots.length > this.#head) {
      this.#bytes -= costOf(this.#slots.pop());
    }
    const last = this.#slots.length > this.#head ? this.#slots.at(-1) : undefined;
    if (last !== undefined && last.index !== entry.index - 1) this.clear();
    this.#slots.push(entry);
    this.#bytes += costOf(entry);
    while (this.#bytes > this.#maxBytes) this.#dropFirst();
  }

  clear(): void {
    this.#slots = [];
    this.#head = 0;
    this.#bytes = 0;
  }

  #dropFirst(): void {
    this.#bytes -= costOf(this.#slots[this.#head]);
    this.#slots[this.#head] = undefined;
    this.#head += 1;
    if (this.#head === this.#slots.length) this.clear();
    else if (this.#head >= COMPACT_SLOTS && this.#head * 2 >= this.#slots.length) {
      this.#slots = this.#slots.slice(this.#head);
      this.#head = 0;
    }
  }
}

function costOf(entry: Entry | undefined): number {
  return entry === undefined ? 0 : entry.data.byteLength + ENTRY_OVERHEAD_BYTES;
}
