// The rate limit: never more in any window than it says, and never less than it allows.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { RateLimit } from "../../../src/gen/mesh/v1/queue.js";
import {
  afterStart,
  nextStartMs,
  type RateState,
  underLimit,
  UNUSED_RATE,
} from "../../../src/queue/state/gcra.js";
import { NOW_MS } from "../../support/queue-fixtures.js";

/** Times of the starts of a queue that has always something to start, looked at at these times. */
function startsOf(limit: RateLimit, looksMs: readonly number[], from = UNUSED_RATE): number[] {
  const starts: number[] = [];
  let state: RateState = from;
  for (const nowMs of looksMs) {
    while (nextStartMs(limit, state) <= nowMs) {
      starts.push(nowMs);
      state = afterStart(limit, state, nowMs);
    }
  }
  return starts;
}

const milliseconds = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, at) => from + at);

const limits = fc.record({
  count: fc.integer({ min: 1, max: 100 }),
  perMs: fc.integer({ min: 20, max: 2_000 }),
  burst: fc.integer({ min: 1, max: 30 }),
});

describe("a rate limit", () => {
  test.each([
    ["10 a second, one at a time", { count: 10, perMs: 1_000, burst: 1 }, 10],
    [
      "3 in 100 ms, which is no whole number of milliseconds",
      { count: 3, perMs: 100, burst: 1 },
      30,
    ],
    ["2,000 a second, faster than the clock", { count: 2_000, perMs: 1_000, burst: 200 }, 2_199],
    ["1 an hour", { count: 1, perMs: 3_600_000, burst: 1 }, 1],
    ["5 a second, all 5 at once", { count: 5, perMs: 1_000, burst: 5 }, 9],
  ])("lets start in its first second: %s", (_what, limit, expected) => {
    const starts = startsOf(limit, milliseconds(NOW_MS, NOW_MS + 1_000));

    expect(Math.abs(starts.length - expected)).toBeLessThanOrEqual(1);
  });

  test("spaces starts evenly, to the millisecond, for ever", () => {
    const limit = { count: 3, perMs: 100, burst: 1 };

    const starts = startsOf(limit, milliseconds(NOW_MS, NOW_MS + 30_000));

    expect(starts.map((at, n) => at - NOW_MS - Math.ceil((n * 100) / 3))).toEqual(
      starts.map(() => 0),
    );
  });

  test("is kept in every window, whenever anyone looks, and a window without starts saves a burst", () => {
    const waits = fc.array(fc.integer({ min: 0, max: 100 }), { maxLength: 40 });
    fc.assert(
      fc.property(limits, waits, (limit, steps) => {
        let nowMs = NOW_MS;
        const starts = startsOf(
          limit,
          steps.map((step) => (nowMs += step)),
        );
        const isOver = (from: number, to: number): boolean => {
          const windowMs = (starts[to] ?? 0) - (starts[from] ?? 0);
          return to - from + 1 >= limit.burst + ((windowMs + 1) * limit.count) / limit.perMs;
        };
        const over = starts.filter((_, to) =>
          starts.some((__, from) => from <= to && to - from < 100 && isOver(from, to)),
        );
        expect(over).toEqual([]);
      }),
    );
  });

  test("gives all that it allows to a queue that is looked at as soon as it may start", () => {
    fc.assert(
      fc.property(limits, (limit) => {
        let state: RateState = UNUSED_RATE;
        let nowMs = NOW_MS;
        for (let start = 0; start < 500; start += 1) {
          nowMs = Math.max(nowMs, nextStartMs(limit, state));
          state = afterStart(limit, state, nowMs);
        }
        const dueMs = ((500 - limit.burst) * limit.perMs) / limit.count;
        expect(nowMs - NOW_MS).toBeLessThanOrEqual(Math.max(0, Math.ceil(dueMs)));
      }),
    );
  });

  test("that is set anew counts what was used, and no wait of the old one outlives it", () => {
    const slow = { count: 1, perMs: 3_600_000, burst: 1 };
    const fast = { count: 10, perMs: 1_000, burst: 1 };
    const used = afterStart(slow, UNUSED_RATE, NOW_MS);

    const next = nextStartMs(fast, underLimit(fast, used, NOW_MS + 5));

    expect(next).toBe(NOW_MS + 105);
  });
});
