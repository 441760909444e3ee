// Why tasks were given to the nodes that run them: what the leader saw when it made an entry with
// assignments. In memory, of one leader's term, the newest; one small record for each such entry.
import type { AssignCommand } from "../../gen/mesh/v1/command.js";
import type { CandidateHello } from "../balancing/candidate.js";
import type { Opening, PolicyName } from "../balancing/policy.js";
import { OldestFirstMap } from "../oldest-first-map.js";

/** Entries that are remembered. */
export const MAX_PLACEMENTS = 1_000;
/** Nodes that are remembered over all of them: a large mesh remembers fewer entries. */
export const MAX_CONSIDERED = 20_000;

/** A node with a free slot, as it was then. */
export interface Considered {
  readonly id: string;
  readonly hello: CandidateHello;
  readonly running: number;
  readonly freeSlots: number;
  /** How many times longer than the middle node it took. */
  readonly relativeServiceTime: number;
}

export interface Placement {
  /** Of the entry: the fence of what it assigned. */
  readonly index: number;
  readonly atMs: number;
  readonly policy: PolicyName;
  /** Tasks that it gave to nodes. */
  readonly assigned: number;
  /** The nodes with a free slot before the first of them. */
  readonly considered: readonly Considered[];
}

/** What was decided: one command per node that got work, and the nodes with the slots they have left. */
interface Decided {
  readonly assigns: readonly AssignCommand[];
  readonly openings: readonly Opening[];
}

export class Placements {
  readonly #maxPlacements: number;
  readonly #maxConsidered: number;
  readonly #byIndex = new OldestFirstMap<number, Placement>();
  #considered = 0;

  constructor(maxPlacements = MAX_PLACEMENTS, maxConsidered = MAX_CONSIDERED) {
    this.#maxPlacements = maxPlacements;
    this.#maxConsidered = maxConsidered;
  }

  /** The entry at `index` holds these assignments, made at `atMs`. */
  record(index: number, atMs: number, policy: PolicyName, { assigns, openings }: Decided): void {
    const taken = new Map(assigns.map(({ nodeId, assignments }) => [nodeId, assignments.length]));
    const considered = openings.map(({ worker, freeSlots }) => {
      const { id, hello, running, pace } = worker;
      const given = taken.get(id) ?? 0;
      return {
        id,
        hello,
        running: running - given,
        freeSlots: freeSlots + given,
        relativeServiceTime: pace.overall,
      };
    });
    const assigned = [...taken.values()].reduce((sum, count) => sum + count, 0);
    this.#byIndex.set(index, { index, atMs, policy, assigned, considered });
    this.#considered += considered.length;
    while (this.#byIndex.size > 1 && this.#isFull()) {
      this.#considered -= this.#byIndex.takeOldest()?.considered.length ?? 0;
    }
  }

  /** Undefined where the entry is of an earlier leader, or forgotten. */
  of(fence: number): Placement | undefined {
    return this.#byIndex.get(fence);
  }

  #isFull(): boolean {
    return this.#byIndex.size > this.#maxPlacements || this.#considered > this.#maxConsidered;
  }
}
