// The entries that this node has proposed as the leader, as it made them: it need not decode its own
// bytes once they are committed. The bytes are the truth: an entry of another term is not the one
// that was proposed, and is decoded like any other.
import type { CommandBatch } from "../../gen/mesh/v1/command.js";
import type { CommittedEntry } from "./committed-entry.js";

export interface ProposedEntry {
  readonly index: number;
  readonly term: number;
  /** Exactly what the bytes of the entry decode to. */
  readonly batch: CommandBatch;
}

export class ProposedEntries {
  /** Bounded by what Raft lets be uncommitted: each goes when an entry with its index is applied. */
  readonly #byIndex = new Map<number, ProposedEntry>();

  add(entry: ProposedEntry): void {
    this.#byIndex.set(entry.index, entry);
  }

  /** The entry that was proposed, where it is the one that was committed; it is let go of. */
  take({ index, term }: Pick<CommittedEntry, "index" | "term">): CommittedEntry | undefined {
    const proposed = this.#byIndex.get(index);
    if (proposed === undefined) return undefined;
    this.#byIndex.delete(index);
    return proposed.term === term ? proposed : undefined;
  }

  clear(): void {
    this.#byIndex.clear();
  }
}
