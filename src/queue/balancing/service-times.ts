// How long each node takes for each type of task, from the reports that the leader sees, and how it
// compares to the other nodes. One for each leader's term: it is learnt anew by every leader.

/** Weight of the newest attempt in a moving mean: one stall holds up all attempts of a node at once. */
const NEWEST_WEIGHT = 0.05;
/** Attempts of a type on a node before its mean is trusted. */
const MIN_ATTEMPTS = 20;
/** Added to each mean: below this the clock's resolution and the event loop outweigh the node's speed. */
const NOISE_MS = 20;
/** Two steps double a ratio. A step counts once it is made in full: a smaller difference is none. */
const STEPS_PER_DOUBLING = 2;
/** However slow a node is found, it goes on getting enough to show that it is better again. */
const MAX_STEPS = 6;

interface Mean {
  ms: number;
  attempts: number;
  slowness: number;
}

/** One node's service times. */
export class NodePace {
  readonly #means = new Map<string, Mean>();
  #overall = 1;

  /**
   * How many times longer than the middle node this one takes for a type; where that is not known, for
   * all types together. From 1/8 to 8; 1 while nothing is known.
   */
  slowness(type: string): number {
    const mean = this.#means.get(type);
    return mean === undefined || mean.attempts < MIN_ATTEMPTS ? this.#overall : mean.slowness;
  }

  /** The same over all its types. */
  get overall(): number {
    return this.#overall;
  }

  /** @returns whether the mean of the type may have changed */
  took(type: string, durationMs: number, completed: boolean): boolean {
    let mean = this.#means.get(type);
    // A failure that came soon says nothing of how fast the node is; one that took long does.
    if (!completed && (mean === undefined || durationMs <= mean.ms)) return false;
    if (mean === undefined) {
      mean = { ms: 0, attempts: 0, slowness: 1 };
      this.#means.set(type, mean);
    }
    mean.attempts += 1;
    mean.ms += Math.max(NEWEST_WEIGHT, 1 / mean.attempts) * (durationMs - mean.ms);
    return true;
  }

  /** Milliseconds that an attempt of the type takes; undefined where too few were seen. */
  meanMs(type: string): number | undefined {
    const mean = this.#means.get(type);
    return mean === undefined || mean.attempts < MIN_ATTEMPTS ? undefined : mean.ms;
  }

  /**
   * Holds the mean of a type against the middle node's, milliseconds; `slowness` changes with it.
   */
  compare(type: string, middleMs: number): void {
    const mean = this.#means.get(type);
    if (mean === undefined) return;
    mean.slowness = stepped((mean.ms + NOISE_MS) / (middleMs + NOISE_MS));
  }

  /** Sums the types up. */
  sumUp(): void {
    let logarithms = 0;
    let known = 0;
    for (const { attempts, slowness } of this.#means.values()) {
      if (attempts < MIN_ATTEMPTS) continue;
      logarithms += Math.log2(slowness);
      known += 1;
    }
    this.#overall = known === 0 ? 1 : 2 ** (logarithms / known);
  }
}

/** Which types have new attempts, and what the middle node takes for them. */
export class ServiceTimes {
  readonly #changed = new Set<string>();

  /** An attempt of a node at a type has ended after `durationMs`. */
  took(pace: NodePace, type: string, durationMs: number, completed: boolean): void {
    if (pace.took(type, durationMs, completed)) this.#changed.add(type);
  }

  /** Compares the nodes anew. Called at a steady pace, so that a decision costs no comparison. */
  compare(paces: readonly NodePace[]): void {
    if (this.#changed.size === 0) return;
    for (const type of this.#changed) {
      const means = paces.flatMap((pace) => pace.meanMs(type) ?? []).sort((a, b) => a - b);
      // The lower one of two in the middle: of two nodes, the faster says what is usual.
      const middleMs = means[(means.length - 1) >>> 1];
      if (middleMs !== undefined) for (const pace of paces) pace.compare(type, middleMs);
    }
    this.#changed.clear();
    for (const pace of paces) pace.sumUp();
  }
}

function stepped(ratio: number): number {
  const steps = Math.trunc(STEPS_PER_DOUBLING * Math.log2(ratio));
  return 2 ** (Math.max(-MAX_STEPS, Math.min(MAX_STEPS, steps)) / STEPS_PER_DOUBLING);
}
