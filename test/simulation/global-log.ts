// The log of the whole cluster as the checkers know it: what each (index, term) holds, which of
// these are committed, and the hash of the state after each. Grows only.
import {
  decodeMembership,
  encodeMembership,
  type Entry,
  type Membership,
  type SnapshotMeta,
} from "../../src/raft/core/index.js";
import { describeMembership } from "./membership-rules.js";
import type { PlacedMembership } from "./shadow-log.js";
import { Violation } from "./violation.js";

interface KnownEntry {
  readonly entry: Entry;
  readonly previousTerm: number;
  readonly membership: Membership | undefined;
}

/** Terms of a run stay far below this, so that index and term fit one number. */
const MAX_TERMS = 1_000_000;

export class GlobalLog {
  readonly #known = new Map<number, KnownEntry>();
  /** Term of the committed entry at each index; index 0 is before the log. */
  readonly #committedTerms: number[] = [0];
  /** Term of the leader that was first seen to have each index committed. */
  readonly #committedIn: number[] = [0];
  /** Committed configurations, ascending by index. */
  readonly #memberships: PlacedMembership[];
  readonly #hashes = new Map<number, number>();

  constructor(bootstrap: Membership) {
    this.#memberships = [{ index: 0, membership: bootstrap }];
  }

  get commit(): number {
    return this.#committedTerms.length - 1;
  }

  committedTerm(index: number): number | undefined {
    return this.#committedTerms[index];
  }

  /**
   * Newest index that was committed in a term before `term`: a leader of `term` must have it, and
   * by log matching all before it.
   */
  committedBefore(term: number): number {
    let index = this.commit;
    while (index > 0 && (this.#committedIn[index] ?? 0) >= term) index -= 1;
    return index;
  }

  /**
   * Log matching (§3.5): an index and a term name one entry with one predecessor, in every log, for
   * all time. By induction the logs before it are the same. True where the entry is new.
   */
  see(entry: Entry, previousTerm: number, where: string): boolean {
    const place = entry.index * MAX_TERMS + entry.term;
    const known = this.#known.get(place);
    if (known === undefined) {
      const membership = entry.kind === "membership" ? decodeMembership(entry.data) : undefined;
      this.#known.set(place, { entry, previousTerm, membership });
      return true;
    }
    if (known.previousTerm !== previousTerm) {
      throw new Violation(
        "log matching",
        `${where}: entry ${entry.index} of term ${entry.term} follows term ${previousTerm}, ` +
          `elsewhere term ${known.previousTerm}`,
      );
    }
    if (known.entry !== entry && !isSame(known.entry, entry)) {
      throw new Violation(
        "log matching",
        `${where}: entry ${entry.index} of term ${entry.term} differs from the one elsewhere`,
      );
    }
    return false;
  }

  membershipOf(entry: Entry): Membership | undefined {
    return this.#known.get(entry.index * MAX_TERMS + entry.term)?.membership;
  }

  /** Next index is committed, with the entry of this term. */
  commitNext(term: number, inTerm: number): void {
    const index = this.#committedTerms.push(term) - 1;
    this.#committedIn.push(inTerm);
    const membership = this.#known.get(index * MAX_TERMS + term)?.membership;
    if (membership !== undefined) this.#memberships.push({ index, membership });
  }

  /** State machine safety (§3.6.3): what is applied at an index is what was committed there. */
  checkCommitted(entry: Entry, where: string): void {
    const committed = this.#committedTerms[entry.index];
    if (committed === undefined) {
      throw new Violation(
        "commit needs a quorum on disk",
        `${where} applies ${entry.index}, of which no leader said that it is committed`,
      );
    }
    if (committed !== entry.term) {
      throw new Violation(
        "state machine safety",
        `${where} applies ${entry.index} of term ${entry.term}; committed was term ${committed}`,
      );
    }
    this.see(entry, this.#committedTerms[entry.index - 1] ?? 0, where);
  }

  /** The states after the same index are the same, whoever reached them, and how. */
  checkHash(index: number, hash: number, where: string): void {
    const known = this.#hashes.get(index);
    if (known === undefined) this.#hashes.set(index, hash);
    else if (known !== hash) {
      throw new Violation("state machine safety", `${where}: state after ${index} differs`);
    }
  }

  /** A snapshot may hold nothing but what is committed, under the configuration in force then. */
  checkSnapshot(meta: SnapshotMeta, where: string): void {
    if (this.#committedTerms[meta.index] !== meta.term) {
      throw new Violation(
        "state machine safety",
        `${where}: snapshot of ${meta.index}, term ${meta.term}; ` +
          `committed is ${this.#committedTerms[meta.index] ?? "nothing"}`,
      );
    }
    const placed = this.#memberships.findLast(({ index }) => index <= meta.index);
    if (placed === undefined || !isSameMembership(placed.membership, meta.membership)) {
      throw new Violation(
        "membership overlap",
        `${where}: snapshot ${meta.index} says ${describeMembership(meta.membership)}, ` +
          `committed is ${placed === undefined ? "nothing" : describeMembership(placed.membership)}`,
      );
    }
  }
}

const isSame = (left: Entry, right: Entry): boolean =>
  left.kind === right.kind &&
  left.data.length === right.data.length &&
  left.data.every((byte, at) => byte === right.data[at]);

const isSameMembership = (left: Membership, right: Membership): boolean =>
  left === right || Buffer.compare(encodeMembership(left), encodeMembership(right)) === 0;
