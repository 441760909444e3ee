import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Deadlines } from "../../../src/queue/leader/deadlines.js";

const HOUR_MS = 3_600_000;

beforeEach(() => {
  vi.useFakeTimers({ now: 0 });
});
afterEach(() => vi.useRealTimers());

test("a clock that is set forward past a deadline is noticed within a minute", async () => {
  const overdue: string[] = [];
  const deadlines = new Deadlines({
    now: () => Date.now(),
    stored: (nowMs) => {
      const isOver = nowMs >= HOUR_MS && overdue.length === 0;
      return Promise.resolve({
        overdue: isOver ? ["a"] : [],
        nextMs: overdue.length === 0 ? HOUR_MS : undefined,
      });
    },
    running: () => [],
    propose: (taskIds) => {
      overdue.push(...taskIds);
      return Promise.resolve(1);
    },
  });
  deadlines.redisReached(1);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(overdue).toEqual([]);

  vi.setSystemTime(2 * HOUR_MS);
  await vi.advanceTimersByTimeAsync(60_000);

  expect(overdue).toEqual(["a"]);
  deadlines.stop();
});
