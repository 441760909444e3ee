// When an attempt that failed, or whose node was lost, is followed by another. What is random is
// drawn here, before the command is proposed, so that applying it is deterministic.
import { type Backoff, BackoffType } from "../../gen/mesh/v1/task.js";

/** Past this exponent every doubling exceeds the largest bound that a task can ask for. */
const MAX_DOUBLINGS = 40;

/**
 * Wait before the attempt after `attempt`, in milliseconds. Exponential: delay × 2^(attempt − 1); fixed:
 * delay. Up to the share `jitter` of it is added at random, so that tasks that failed together do not
 * come back together. Never longer than maxMs: where that bounds it the wait is drawn from below the
 * bound, from as wide a span, though never shorter than the delay that was asked for.
 *
 * @param random in [0, 1)
 */
export function retryDelayMs(backoff: Backoff, attempt: number, random: () => number): number {
  const { type, delayMs, maxMs, jitter } = backoff;
  const factor = type === BackoffType.FIXED ? 1 : 2 ** Math.min(attempt - 1, MAX_DOUBLINGS);
  const longest = Math.min(delayMs * factor * (1 + jitter), maxMs);
  const shortest = Math.max(Math.min(delayMs, maxMs), longest / (1 + jitter));
  return Math.round(shortest + (longest - shortest) * random());
}

/**
 * Wait before a task goes on that lost its node, in milliseconds. None after the first loss:
 * takeover is quick. From the second one on delayMs × 2^(losses − 2), at most maxDelayMs, so that a
 * mesh that is short of something can recover. Nothing random: the tasks of a lost node come back
 * together either way.
 *
 * @param losses from 1 on, this one included
 */
export function lossDelayMs(
  losses: number,
  { delayMs, maxDelayMs }: { readonly delayMs: number; readonly maxDelayMs: number },
): number {
  if (losses < 2) return 0;
  return Math.min(delayMs * 2 ** Math.min(losses - 2, MAX_DOUBLINGS), maxDelayMs);
}
