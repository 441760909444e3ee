// Clocks that tests set: those of several machines, which run at the same speed.
import type { Clocks } from "../../src/queue/log-time/clocks.js";

export class FakeClocks implements Clocks {
  #monotonicMs: number;

  /** @param wall what its wall clock shows at first; @param monotonic what the other one does */
  constructor(
    public wall: number,
    monotonic = 1_000,
  ) {
    this.#monotonicMs = monotonic;
  }

  wallMs(): number {
    return this.wall;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  pass(ms: number): void {
    this.wall += ms;
    this.#monotonicMs += ms;
  }

  /** The machine sleeps: its monotonic clock stands. */
  sleep(ms: number): void {
    this.wall += ms;
  }

  /** Somebody sets the wall clock. */
  set(byMs: number): void {
    this.wall += byMs;
  }
}

/** The clocks of this process, whose wall clock is wrong by as much as a test says. */
export class ShiftedClocks implements Clocks {
  aheadMs = 0;

  wallMs(): number {
    return Date.now() + this.aheadMs;
  }

  monotonicMs(): number {
    return performance.now();
  }
}
