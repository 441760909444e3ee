// Writes to Redis on which no promise hangs: one at a time, and what Redis does not take is lost.

/** What waits to be written; it bounds itself. */
export interface Waiting {
  readonly isEmpty: () => boolean;
  /** Takes some of it and writes that. */
  readonly writeSome: () => Promise<unknown>;
  /** A write failed: drops what waits. */
  readonly letGo: () => void;
}

export class BackgroundWrites {
  readonly #waiting: Waiting;
  #writing = false;

  constructor(waiting: Waiting) {
    this.#waiting = waiting;
  }

  /** Writes until nothing waits any more, unless that is under way. */
  wake(): void {
    if (!this.#writing) void this.#write();
  }

  async #write(): Promise<void> {
    this.#writing = true;
    try {
      while (!this.#waiting.isEmpty()) await this.#waiting.writeSome();
    } catch {
      // Whatever the error: nothing depends on these writes, and the state of Redis is told by
      // others.
      this.#waiting.letGo();
    } finally {
      this.#writing = false;
    }
  }
}
