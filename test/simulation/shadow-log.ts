// A node's log as the core handed it out, synced or not: what the checkers compare. Holds terms and
// configurations only; what an entry of a given index and term holds is the same everywhere, which
// log matching checks.
import type { Entry, Membership, SnapshotMeta } from "../../src/raft/core/index.js";

export interface PlacedMembership {
  /** Index of the entry that holds it; 0 for the bootstrap, or the index of a snapshot. */
  readonly index: number;
  readonly membership: Membership;
}

export class ShadowLog {
  #first: number;
  #terms: number[] = [];
  #termBefore: number;
  #memberships: PlacedMembership[];

  constructor(base: { index: number; term: number; membership: Membership }) {
    this.#first = base.index + 1;
    this.#termBefore = base.term;
    this.#memberships = [{ index: base.index, membership: base.membership }];
  }

  get firstIndex(): number {
    return this.#first;
  }

  get lastIndex(): number {
    return this.#first + this.#terms.length - 1;
  }

  get lastTerm(): number {
    return this.#terms.at(-1) ?? this.#termBefore;
  }

  /** Configuration in force: the newest in the log (§4.1). */
  get membership(): PlacedMembership {
    const last = this.#memberships.at(-1);
    if (last === undefined) throw new Error("a shadow log always has a configuration");
    return last;
  }

  /** Undefined before the log starts and after it ends. */
  term(index: number): number | undefined {
    if (index === this.#first - 1) return this.#termBefore;
    return this.#terms[index - this.#first];
  }

  membershipAt(index: number): PlacedMembership | undefined {
    return this.#memberships.findLast((placed) => placed.index <= index);
  }

  /** Appends, dropping what stands at the entry's index or after. */
  append(entry: Entry, membership: Membership | undefined): void {
    this.#terms.length = entry.index - this.#first;
    this.#terms.push(entry.term);
    while (this.membership.index >= entry.index && this.#memberships.length > 1) {
      this.#memberships.pop();
    }
    if (membership !== undefined) this.#memberships.push({ index: entry.index, membership });
  }

  /** A received snapshot takes the place of the whole log. */
  replaceBy(meta: SnapshotMeta): void {
    this.#first = meta.index + 1;
    this.#terms = [];
    this.#termBefore = meta.term;
    this.#memberships = [{ index: meta.index, membership: meta.membership }];
  }
}
