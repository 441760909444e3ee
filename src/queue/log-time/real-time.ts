// The real time that a leader believes in: the middle of what a majority's clocks say, once a jump of it
// has held for a while. It is kept as an offset: how far it is ahead of the monotonic clock.
import type { MiddleOffsets } from "./peer-clocks.js";

/** A clock that is set, or wrong, by more than this is not simply followed. */
export const MAX_STEP_MS = 60_000;
/** How long a jump must hold that a majority's clocks show: all may sleep, or share a machine's clock. */
export const AGREED_HELD_MS = 10_000;
/** How long one must hold where nobody else can be asked. */
export const ALONE_HELD_MS = 60_000;

/** What the clocks of the voters say. */
export interface ClockView {
  /** Of the own clock. */
  readonly ownMs: number;
  /** Undefined while fewer than a majority of the clocks is known. */
  readonly majority: MiddleOffsets | undefined;
  /** There is no other voter. */
  readonly isAlone: boolean;
}

/** A jump that is not followed, as yet. */
export interface RefusedJump {
  readonly byMs: number;
  /** How long it must hold until it is. */
  readonly heldMs: number;
}

export type RealTimeChange =
  | { readonly kind: "none" }
  | { readonly kind: "refused"; readonly jump: RefusedJump }
  /** Log time goes there at once, if that is forward. */
  | { readonly kind: "followed"; readonly byMs: number };

export class RealTime {
  #offsetMs: number;
  /** Whether a majority was heard, or there is nobody else to hear: until then there is no jump to refuse. */
  #isConfirmed = false;
  #pending: { readonly offsetMs: number; readonly sinceMs: number } | undefined;
  #jump: RefusedJump | undefined;

  /** @param courseMs offset by which log time goes on without any clock's word */
  constructor(courseMs: number) {
    this.#offsetMs = courseMs;
  }

  get offsetMs(): number {
    return this.#offsetMs;
  }

  get refusedJump(): RefusedJump | undefined {
    return this.#jump;
  }

  /** @param nowMs of the monotonic clock */
  look(nowMs: number, { ownMs, majority, isAlone }: ClockView): RealTimeChange {
    const { lowMs, highMs } = majority ?? { lowMs: ownMs, highMs: ownMs };
    // Where two clocks in the middle differ, nothing moves that lies between them.
    const offsetMs = Math.min(Math.max(this.#offsetMs, lowMs), highMs);
    const byMs = offsetMs - this.#offsetMs;
    if (!this.#isConfirmed && majority !== undefined) {
      this.#isConfirmed = true;
      return this.#follow(offsetMs, byMs);
    }
    if (Math.abs(byMs) <= MAX_STEP_MS) {
      this.#follow(offsetMs, byMs);
      return { kind: "none" };
    }
    const heldMs = majority === undefined || isAlone ? ALONE_HELD_MS : AGREED_HELD_MS;
    const before = this.#pending;
    this.#jump = { byMs, heldMs };
    if (before === undefined || Math.abs(before.offsetMs - offsetMs) > MAX_STEP_MS) {
      this.#pending = { offsetMs, sinceMs: nowMs };
      return { kind: "refused", jump: this.#jump };
    }
    return nowMs - before.sinceMs < heldMs ? { kind: "none" } : this.#follow(offsetMs, byMs);
  }

  #follow(offsetMs: number, byMs: number): RealTimeChange {
    this.#offsetMs = offsetMs;
    this.#pending = undefined;
    this.#jump = undefined;
    return { kind: "followed", byMs };
  }
}
