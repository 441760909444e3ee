// Nodes in the order of their load, the least first, in a heap: a choice among n nodes costs log n, and
// nothing is sorted.
import type { FairShare } from "../controls/fair-share.js";
import { HeadHeap } from "../pending/head-heap.js";
import type { Candidate } from "./candidate.js";
import type { Opening, Selection } from "./policy.js";

/** How a node stands among others where tasks of one need are given out. */
interface Standing {
  /** Nodes of a lower rank are full before one of a higher gets anything. */
  readonly rank: number;
  /** What its running tasks are measured against, such as its slots. */
  readonly capacity: number;
  /** Its share of the turns among nodes of equal load. */
  readonly turns: number;
}

export class Contestant {
  /** How many times longer than usual it takes. */
  readonly #slowness: number;
  /** As it was when the order was last made. */
  load = 0;
  /** Virtual time of its turn among nodes of equal load. */
  pass = 0;

  constructor(
    readonly opening: Opening,
    type: string,
    readonly standing: Standing,
  ) {
    this.#slowness = opening.worker.pace.slowness(type);
  }

  /** The time until what it runs is done, relative to others. */
  loadNow(): number {
    return (this.opening.worker.running * this.#slowness) / this.standing.capacity;
  }

  /** A slow node has its turn less often. */
  get weight(): number {
    return this.standing.turns / this.#slowness;
  }
}

/** A node as it counts where its slots alone matter. */
export function bySlots(opening: Opening, type: string): Contestant {
  return new Contestant(opening, type, standingBySlots(opening, 0));
}

/** A node as it counts by its slots, within a rank. */
export function standingBySlots({ worker }: Opening, rank: number): Standing {
  return { rank, capacity: worker.hello.concurrency, turns: 1 };
}

/** A node's share by its slots and its speed. */
export function shareOfSlots({ hello, pace }: Candidate): number {
  return hello.concurrency / pace.overall;
}

/** The least loaded first; among equals the one whose turn it is, so that light work is spread too. */
export class LoadSelection implements Selection {
  readonly #share: FairShare;
  readonly #heap: HeadHeap<Contestant>;

  /** @param share turns of nodes by their ids, kept from one selection to the next */
  constructor(contestants: readonly Contestant[], share: FairShare) {
    this.#share = share;
    for (const one of contestants) {
      one.load = one.loadNow();
      one.pass = share.passOf(one.opening.worker.id);
    }
    this.#heap = new HeadHeap(contestants, isBefore);
  }

  /** @throws Error where no opening has a free slot: a fault of the caller */
  next(): Opening {
    for (let first = this.#heap.first(); first !== undefined; first = this.#heap.first()) {
      // Loads only grow in a turn: whoever is first when looked at anew is the least loaded.
      const load = first.loadNow();
      if (first.opening.freeSlots === 0) this.#heap.removeFirst();
      else if (load !== first.load) {
        first.load = load;
        this.#heap.firstFellBack();
      } else {
        this.#share.served(first.opening.worker.id, first.weight);
        first.pass = this.#share.passOf(first.opening.worker.id);
        return first.opening;
      }
    }
    throw new Error("no opening has a free slot");
  }
}

function isBefore(a: Contestant, b: Contestant): boolean {
  if (a.standing.rank !== b.standing.rank) return a.standing.rank < b.standing.rank;
  return a.load === b.load ? a.pass < b.pass : a.load < b.load;
}
