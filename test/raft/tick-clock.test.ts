import fc from "fast-check";
import { expect, test } from "vitest";
import { TickClock } from "../../src/raft/tick-clock.js";

const TICK_MS = 50;
/** Of the sum of fractions. */
const ROUNDING_MS = 0.001;

test("a timer that fires late brings the ticks that it missed, and keeps the fraction", () => {
  const clock = new TickClock(TICK_MS, 0);
  const passed = [50, 100, 175, 250, 1_000].map((nowMs) => clock.passed(nowMs));
  expect(passed).toEqual([1, 1, 1, 2, 15]);
});

test("a timer that fires a little early brings a tick all the same", () => {
  const clock = new TickClock(TICK_MS, 0);
  expect(clock.passed(49)).toBe(1);
  expect(clock.passed(100)).toBe(1);
});

test("never falls behind by a tick, however the timer fires", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1 }), (waits) => {
      const clock = new TickClock(TICK_MS, 0);
      let nowMs = 0;
      let ticks = 0;
      for (const waitMs of waits) {
        nowMs += waitMs;
        ticks += clock.passed(nowMs);
        expect(ticks * TICK_MS).toBeGreaterThan(nowMs - TICK_MS - ROUNDING_MS);
      }
    }),
  );
});
