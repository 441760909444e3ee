// How much time has passed since the last tick. A timer of a busy process fires late, or once where it
// should have fired several times; a leader that counted its calls alone would take its own time for
// shorter than it was, and stand too long without a quorum.

/** Ticks that have passed by now; a fraction is kept for the next time. */
export class TickClock {
  readonly #tickMs: number;
  #ticksOwed = 0;
  #askedAtMs: number;

  /** @param nowMs of a monotonic clock */
  constructor(tickMs: number, nowMs: number) {
    this.#tickMs = tickMs;
    this.#askedAtMs = nowMs;
  }

  /** At least one: timers also fire a little early. */
  passed(nowMs: number): number {
    this.#ticksOwed += (nowMs - this.#askedAtMs) / this.#tickMs;
    this.#askedAtMs = nowMs;
    const ticks = Math.max(1, Math.floor(this.#ticksOwed));
    this.#ticksOwed = Math.max(0, this.#ticksOwed - ticks);
    return ticks;
  }
}
