// A counting semaphore by weight, in the order of arrival. (async-mutex has one whose release costs time
// in proportion to its size: a fifth of a second for 64 Mi units.)

interface Waiting {
  readonly weight: number;
  readonly admit: () => void;
}

export class WeightedSemaphore {
  #free: number;
  readonly #waiting = new Set<Waiting>();

  /** @param size sum of the weights that are held at a time */
  constructor(size: number) {
    this.#free = size;
  }

  /** Holds the weight from now on, where it is to be had and nobody waits. */
  tryAcquire(weight: number): boolean {
    if (this.#waiting.size > 0 || weight > this.#free) return false;
    this.#free -= weight;
    return true;
  }

  /**
   * Resolves once the weight is held; with false where that takes longer than `waitMs`.
   * @param weight at most the size
   */
  acquire(weight: number, waitMs: number): Promise<boolean> {
    if (this.tryAcquire(weight)) return Promise.resolve(true);
    return new Promise((resolve) => {
      const waiting = {
        weight,
        admit: () => {
          clearTimeout(timer);
          resolve(true);
        },
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(waiting);
        resolve(false);
        // Those behind it may be lighter.
        this.#admit();
      }, waitMs);
      this.#waiting.add(waiting);
    });
  }

  /** Gives back what was held. */
  release(weight: number): void {
    this.#free += weight;
    this.#admit();
  }

  #admit(): void {
    for (const waiting of this.#waiting) {
      if (waiting.weight > this.#free) return;
      this.#waiting.delete(waiting);
      this.#free -= waiting.weight;
      waiting.admit();
    }
  }
}
