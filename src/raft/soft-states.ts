// Role, leader and term as they are: those who want to hear of each change, and those who wait for a leader,
// or for another one.
import type { SoftState } from "./core/index.js";
import { Listeners } from "./listeners.js";

interface Wait {
  /** True where it was what was waited for. */
  readonly see: (state: SoftState) => boolean;
  readonly reject: (error: Error) => void;
  readonly giveUp: GiveUp | undefined;
}

export interface GiveUp {
  /** Monotonic time. */
  readonly atMs: number;
  readonly error: Error;
}

export class SoftStates {
  readonly #waits = new Set<Wait>();
  readonly #listeners = new Listeners<SoftState>();
  #current: SoftState;

  constructor(current: SoftState) {
    this.#current = current;
  }

  get current(): SoftState {
    return this.#current;
  }

  /** Calls the listener at each change; returns how to end that. */
  listen(listener: (state: SoftState) => void): () => void {
    return this.#listeners.add(listener);
  }

  /** Resolves with the first value that `pick` finds in a state that comes from now on. */
  next<Value>(pick: (state: SoftState) => Value | undefined, giveUp?: GiveUp): Promise<Value> {
    return new Promise((resolve, reject) => {
      const see = (state: SoftState): boolean => {
        const value = pick(state);
        if (value !== undefined) resolve(value);
        return value !== undefined;
      };
      this.#waits.add({ see, reject, giveUp });
    });
  }

  /** Tells those who wait first, then those who listen. */
  changed(state: SoftState): void {
    this.#current = state;
    for (const wait of this.#waits) if (wait.see(state)) this.#waits.delete(wait);
    this.#listeners.tell(state);
  }

  /** Gives up what has waited too long. */
  expire(nowMs: number): void {
    for (const wait of this.#waits) {
      if (wait.giveUp === undefined || wait.giveUp.atMs > nowMs) continue;
      this.#waits.delete(wait);
      wait.reject(wait.giveUp.error);
    }
  }

  rejectAll(error: Error): void {
    for (const { reject } of this.#waits) reject(error);
    this.#waits.clear();
  }
}
