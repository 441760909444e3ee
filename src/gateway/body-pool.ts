// The memory that the bodies of requests share: each holds what has arrived of it, so that a slow one
// holds little and keeps nobody waiting for what it has only announced.

/** What one body holds. */
export class BodyCharge {
  readonly #pool: BodyPool;
  #bytes = 0;
  #isReleased = false;

  constructor(pool: BodyPool) {
    this.#pool = pool;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Asks for more; at most one such call is under way at a time.
   * @param answer called at once or later, with false where that would take longer than `waitMs`
   */
  add(bytes: number, waitMs: number, answer: (granted: boolean) => void): void {
    // What still comes of a body that was answered is let go.
    if (this.#isReleased) {
      answer(false);
      return;
    }
    this.#pool.draw(this, bytes, waitMs, (granted) => {
      if (granted) this.#bytes += bytes;
      answer(granted);
    });
  }

  /** All of it has arrived. */
  whole(): void {
    this.#pool.noteWhole(this);
  }

  /** Gives back what it holds; a second call does nothing. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#pool.release(this);
  }
}

interface Waiting {
  readonly bytes: number;
  readonly answer: (granted: boolean) => void;
}

/**
 * Invariant: no body waits for another one that waits itself. Where every body that holds something is
 * still to come, the one that came first may go past the size: it ends, and gives way.
 */
export class BodyPool {
  readonly #sizeBytes: number;
  #heldBytes = 0;
  /** Of bodies that have arrived and are being answered: they will give it back whatever others do. */
  #wholeBytes = 0;
  /** Bodies that are still arriving, in the order in which they began. */
  readonly #coming = new Set<BodyCharge>();
  readonly #waiting = new Map<BodyCharge, Waiting>();

  constructor(sizeBytes: number) {
    this.#sizeBytes = sizeBytes;
  }

  /** For a body that begins to arrive. */
  open(): BodyCharge {
    const charge = new BodyCharge(this);
    this.#coming.add(charge);
    return charge;
  }

  draw(
    charge: BodyCharge,
    bytes: number,
    waitMs: number,
    answer: (granted: boolean) => void,
  ): void {
    if (this.#admits(charge, bytes)) {
      this.#heldBytes += bytes;
      answer(true);
      return;
    }
    const timer = setTimeout(() => {
      this.#waiting.delete(charge);
      answer(false);
    }, waitMs);
    const settle = (granted: boolean): void => {
      clearTimeout(timer);
      answer(granted);
    };
    this.#waiting.set(charge, { bytes, answer: settle });
  }

  noteWhole(charge: BodyCharge): void {
    if (!this.#coming.delete(charge)) return;
    this.#wholeBytes += charge.bytes;
    this.#admit();
  }

  release(charge: BodyCharge): void {
    if (!this.#coming.delete(charge)) this.#wholeBytes -= charge.bytes;
    this.#heldBytes -= charge.bytes;
    const waiting = this.#waiting.get(charge);
    this.#waiting.delete(charge);
    waiting?.answer(false);
    this.#admit();
  }

  #admits(charge: BodyCharge, bytes: number): boolean {
    if (this.#heldBytes + bytes <= this.#sizeBytes) return true;
    const [eldest] = this.#coming;
    return charge === eldest && this.#wholeBytes === 0;
  }

  #admit(): void {
    for (const [charge, { bytes, answer }] of this.#waiting) {
      if (!this.#admits(charge, bytes)) continue;
      this.#waiting.delete(charge);
      this.#heldBytes += bytes;
      answer(true);
    }
  }
}
