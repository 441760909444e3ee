// Which types let nothing else run in the thread that they share, how often and how long.
import type { BlockingType } from "../../gen/mesh/v1/blocking_type.js";

/** A type is warned of no more often than this. */
const WARN_EVERY_MS = 60_000;

export class BlockingTypes {
  /** Bounded by the types of the user's module. */
  readonly #types = new Map<string, { count: number; longestMs: number; warnedAtMs: number }>();

  /** @returns whether it is to be warned of: a type that often blocks is not told of each time */
  note(type: string, forMs: number, nowMs: number): boolean {
    const known = this.#types.get(type) ?? {
      count: 0,
      longestMs: 0,
      warnedAtMs: Number.NEGATIVE_INFINITY,
    };
    this.#types.set(type, known);
    known.count += 1;
    known.longestMs = Math.max(known.longestMs, forMs);
    if (nowMs - known.warnedAtMs < WARN_EVERY_MS) return false;
    known.warnedAtMs = nowMs;
    return true;
  }

  list(): BlockingType[] {
    return [...this.#types].map(([type, { count, longestMs }]) => ({ type, count, longestMs }));
  }
}
