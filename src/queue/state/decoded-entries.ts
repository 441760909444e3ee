// The newest committed entries as they were decoded, for the leader, which applies them to Redis
// moments later. Whatever is older is read from the log again.
import { OldestFirstMap } from "../oldest-first-map.js";
import type { CommittedEntry } from "./committed-entry.js";

/** What an entry weighs besides its commands. */
const ENTRY_OVERHEAD_BYTES = 256;

interface Decoded {
  readonly entry: CommittedEntry;
  readonly bytes: number;
}

export class DecodedEntries {
  readonly #maxBytes: number;
  readonly #entries = new OldestFirstMap<number, Decoded>();
  #bytes = 0;

  /**
   * @param maxBytes bound of what is held, counted as encoded: decoded it takes five to ten times as
   *   much. The newest entry is held whatever it weighs.
   */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get(index: number): CommittedEntry | undefined {
    return this.#entries.get(index)?.entry;
  }

  /** Takes in the entry after the last one. */
  push(entry: CommittedEntry, encodedBytes: number): void {
    const bytes = ENTRY_OVERHEAD_BYTES + encodedBytes;
    this.#entries.set(entry.index, { entry, bytes });
    this.#bytes += bytes;
    while (this.#bytes > this.#maxBytes && this.#entries.size > 1) {
      this.#bytes -= this.#entries.takeOldest()?.bytes ?? 0;
    }
  }

  clear(): void {
    this.#entries.clear();
    this.#bytes = 0;
  }
}
