// Timers for moments of log time, which may go a little faster than a timer, and jump over a sleep.

/**
 * A jump of log time is noticed at most so late. Far within what a timer of Node.js holds.
 */
const MAX_WAIT_MS = 10_000;

/**
 * How long a timer is to wait for a moment: at most ten seconds, after which whoever waits looks at the
 * clock again.
 * @param atMs milliseconds since the epoch
 * @param leastMs the shortest wait
 */
export function waitUntilMs(atMs: number, nowMs: number, leastMs = 0): number {
  return Math.min(Math.max(leastMs, atMs - nowMs), MAX_WAIT_MS);
}
