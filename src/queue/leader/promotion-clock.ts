// When the next scheduled task is due. The leader proposes a promotion then, and again while more
// are due; nothing looks at the schedule in between.
import { waitUntilMs } from "../log-time/wait-until.js";

export class PromotionClock {
  readonly #now: () => number;
  readonly #onDue: () => void;
  #nextMs: number | undefined;
  #underWay = false;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  /**
   * @param now milliseconds since the epoch
   * @param onDue a promotion should be proposed
   */
  constructor(now: () => number, onDue: () => void) {
    this.#now = now;
    this.#onDue = onDue;
  }

  /** A task is scheduled for this time. */
  expect(runAtMs: number): void {
    if (this.#nextMs !== undefined && this.#nextMs <= runAtMs) return;
    this.#nextMs = runAtMs;
    this.#arm();
  }

  /** Whether to propose a promotion now; true once until `promoted`. */
  take(nowMs: number): boolean {
    if (this.#underWay || this.#nextMs === undefined || this.#nextMs > nowMs) return false;
    this.#underWay = true;
    this.#nextMs = undefined;
    return true;
  }

  /**
   * The promotion under way was applied, or Redis was read anew.
   *
   * @param nextMs when the next scheduled task is due, as Redis knows it
   */
  promoted(nextMs: number | undefined): void {
    this.#underWay = false;
    if (nextMs !== undefined) this.expect(nextMs);
    this.#arm();
  }

  /** For good: what is expected later arms no timer. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#nextMs = undefined;
  }

  #arm(): void {
    clearTimeout(this.#timer);
    if (this.#stopped || this.#underWay || this.#nextMs === undefined) return;
    this.#timer = setTimeout(
      () => {
        if (this.#nextMs !== undefined && this.#nextMs > this.#now()) this.#arm();
        else this.#onDue();
      },
      waitUntilMs(this.#nextMs, this.#now()),
    );
  }
}
