// What a node reads of a host in its own process while the host lets nothing else run: which attempt it
// is in, and how far it has come with starting them. Of a host in another process it knows neither.
import type { AttemptNumber } from "./messages.js";

const CURRENT = 0;
const STARTED_THROUGH = 1;
const WORDS = 2;

export class SharedCell {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;

  constructor(buffer = new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT)) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer);
  }

  /** Whose code runs at this moment, or ran last in this turn; 0: nobody's. */
  get current(): AttemptNumber {
    return Atomics.load(this.#words, CURRENT);
  }

  set current(number: AttemptNumber) {
    this.#words[CURRENT] = number;
  }

  /** The last attempt whose handler was called. */
  get startedThrough(): AttemptNumber {
    return Atomics.load(this.#words, STARTED_THROUGH);
  }

  set startedThrough(number: AttemptNumber) {
    Atomics.store(this.#words, STARTED_THROUGH, number);
  }
}
