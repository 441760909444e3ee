// Whose code runs: each attempt's code, and all that it sets going, is followed through timers,
// promises and callbacks, so that an error that nobody catches, a call of process.exit or a loop that
// never yields has a name. Costs about 0.1 µs a callback.
import { AsyncLocalStorage, createHook } from "node:async_hooks";
import type { AttemptNumber } from "../protocol/messages.js";
import type { SharedCell } from "../protocol/shared-cell.js";

/** Code that lets nothing else run for longer than this is told of. */
const NOTED_MS = 200;

export class Attribution {
  readonly #storage = new AsyncLocalStorage<AttemptNumber>();
  readonly #cell: SharedCell | undefined;
  readonly #onBlocked: (number: AttemptNumber, forMs: number) => void;
  /** Those within whose code others were entered, as an emitter enters its listeners'. */
  readonly #outer: AttemptNumber[] = [];
  #current: AttemptNumber = 0;
  #enteredAtMs = 0;

  /** @param onBlocked hears of an attempt that has let nothing else run, once it does */
  constructor(
    cell: SharedCell | undefined,
    onBlocked: (number: AttemptNumber, forMs: number) => void,
  ) {
    this.#cell = cell;
    this.#onBlocked = onBlocked;
    createHook({
      before: () => this.#enter(this.current),
      after: () => this.#leave(),
    }).enable();
  }

  /** Whose code asks this; 0: nobody's. */
  get current(): AttemptNumber {
    return this.#storage.getStore() ?? 0;
  }

  /** Runs the code of an attempt; what it sets going is its own, too. */
  run<Result>(number: AttemptNumber, code: () => Result): Result {
    return this.#storage.run(number, () => {
      this.#enter(number);
      try {
        return code();
      } finally {
        this.#leave();
      }
    });
  }

  #enter(number: AttemptNumber): void {
    this.#outer.push(this.#current);
    if (this.#current === 0 && number !== 0) this.#enteredAtMs = performance.now();
    this.#set(number);
  }

  #leave(): void {
    const left = this.#current;
    this.#set(this.#outer.pop() ?? 0);
    if (left === 0 || this.#current !== 0) return;
    const forMs = performance.now() - this.#enteredAtMs;
    if (forMs > NOTED_MS) this.#onBlocked(left, Math.round(forMs));
  }

  #set(number: AttemptNumber): void {
    if (this.#current === number) return;
    this.#current = number;
    if (this.#cell !== undefined) this.#cell.current = number;
  }
}
