// Shares out the turns of the event loop among those who have much to do, so that between them what
// comes from the network is read: Raft's messages above all.
import { setImmediate as nextTurn } from "node:timers/promises";

export class TurnBudget {
  readonly #perTurn: number;
  #left: number;
  #renewed: Promise<void> | undefined;

  /** @param perTurn work of one turn, in units of whoever takes of it */
  constructor(perTurn: number) {
    this.#perTurn = perTurn;
    this.#left = perTurn;
  }

  /** Resolves in the first turn that has something left; the work may be more than that. */
  async take(work: number): Promise<void> {
    while (this.#left <= 0) await this.#renewal();
    this.#left -= work;
    void this.#renewal();
  }

  #renewal(): Promise<void> {
    this.#renewed ??= nextTurn().then(() => {
      this.#left = this.#perTurn;
      this.#renewed = undefined;
    });
    return this.#renewed;
  }
}
