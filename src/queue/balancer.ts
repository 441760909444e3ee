// Which of the nodes that could run a task gets it.
import type { AttachedWorker } from "./worker-directory.js";

export interface Candidate {
  readonly worker: AttachedWorker;
  readonly freeSlots: number;
}

/** Picks one of at least one candidate, each with a free slot. */
export interface Balancer {
  pick(candidates: readonly Candidate[]): Candidate;
}

/**
 * The node with the largest share of its slots free; among equals, the one that was not picked for
 * the longest time, so that a lightly loaded mesh spreads its work too.
 */
export class LeastLoadedBalancer implements Balancer {
  readonly #lastPick = new Map<string, number>();
  #picks = 0;

  pick(candidates: readonly Candidate[]): Candidate {
    const [first, ...others] = candidates;
    if (first === undefined) throw new Error("a balancer needs at least one candidate");
    let best = first;
    for (const candidate of others) {
      const difference = freeShare(candidate) - freeShare(best);
      if (difference > 0 || (difference === 0 && this.#isOlder(candidate, best))) best = candidate;
    }
    this.#picks += 1;
    this.#lastPick.set(best.worker.id, this.#picks);
    return best;
  }

  #isOlder(a: Candidate, b: Candidate): boolean {
    return (this.#lastPick.get(a.worker.id) ?? 0) < (this.#lastPick.get(b.worker.id) ?? 0);
  }
}

function freeShare({ worker, freeSlots }: Candidate): number {
  return freeSlots / worker.hello.concurrency;
}
