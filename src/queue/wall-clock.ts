// Timers for moments of the wall clock, which may be set forward, or stand while the machine sleeps.

/**
 * A clock that was set forward is noticed at most so late. Far within what a timer of Node.js
 * holds.
 */
const MAX_WAIT_MS = 60_000;

/**
 * How long a timer is to wait for a moment: at most a minute, after which whoever waits looks at the
 * clock again.
 * @param atMs milliseconds since the epoch
 * @param leastMs the shortest wait
 */
export function waitUntilMs(atMs: number, nowMs: number, leastMs = 0): number {
  return Math.min(Math.max(leastMs, atMs - nowMs), MAX_WAIT_MS);
}
