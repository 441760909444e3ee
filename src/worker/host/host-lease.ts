// How long a host may take its attempts for its own without hearing from its node: while that stands
// still, or is gone, they are given to others.
import { startTimeout } from "../long-timeout.js";
import { machineMs } from "../protocol/machine-clock.js";

/** Turns of the event loop in which a newer grant may arrive that has been waiting to be read. */
const TURNS_TO_READ = 2;

export class HostLease {
  readonly #readNow: () => void;
  readonly #onLost: () => void;
  #untilMs = Number.NEGATIVE_INFINITY;
  #stopTimer: (() => void) | undefined;

  /**
   * @param readNow takes what has arrived: a host that was blocked has not read its newest grants
   * @param onLost nothing in the host is its own any more
   */
  constructor(readNow: () => void, onLost: () => void) {
    this.#readNow = readNow;
    this.#onLost = onLost;
  }

  get isHeld(): boolean {
    return machineMs() < this.#untilMs;
  }

  granted(untilMs: number): void {
    this.#untilMs = untilMs;
    this.#stopTimer?.();
    this.#stopTimer = undefined;
    const leftMs = untilMs - machineMs();
    if (leftMs === Number.POSITIVE_INFINITY) return;
    this.#stopTimer = startTimeout(Math.max(0, Math.ceil(leftMs)), () => this.#expire(0));
  }

  #expire(turns: number): void {
    this.#readNow();
    if (this.isHeld) return;
    if (turns < TURNS_TO_READ) setImmediate(() => this.#expire(turns + 1));
    else this.#onLost();
  }
}
