// Whose turn it is among queues that all have work: stride scheduling (Waldspurger 1995). A queue of
// weight 3 starts three tasks for each one of a queue of weight 1, however many either has waiting.

/** Queues whose last turns are remembered; one that is forgotten comes in as if it were new. */
const MAX_REMEMBERED = 8_192;

export class FairShare {
  /** Virtual time of a queue's next turn, those served longest ago first. */
  readonly #passes = new Map<string, number>();
  /** Virtual time of the last turn; never goes back. */
  #nowPass = 0;

  /**
   * The queue with the lowest is next. One that had nothing to run meanwhile has saved up nothing.
   */
  passOf(queue: string): number {
    return Math.max(this.#passes.get(queue) ?? 0, this.#nowPass);
  }

  /** The queue had a turn: its next one comes 1 / weight later in virtual time. */
  served(queue: string, weight: number): void {
    const pass = this.passOf(queue);
    this.#nowPass = pass;
    this.#passes.delete(queue);
    this.#passes.set(queue, pass + 1 / weight);
    if (this.#passes.size <= MAX_REMEMBERED) return;
    const [oldest] = this.#passes.keys();
    if (oldest !== undefined) this.#passes.delete(oldest);
  }
}
