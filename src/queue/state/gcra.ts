// The generic cell rate algorithm (ITU-T I.371, virtual scheduling) in whole numbers: a rate limit
// whose whole state is one time, the same on every node that saw the same starts.
import type { RateLimit } from "../../gen/mesh/v1/queue.js";

/**
 * The theoretical arrival time: when the next start would come, were all of them spaced evenly. It is
 * `wholeMs` + `parts` / count, so that no start is rounded away; `0 <= parts < count`.
 */
export interface RateState {
  readonly wholeMs: number;
  readonly parts: number;
}

export const UNUSED_RATE: RateState = { wholeMs: 0, parts: 0 };

/** From when on the next task may start, milliseconds since the epoch. */
export function nextStartMs({ count, perMs, burst }: RateLimit, state: RateState): number {
  return state.wholeMs + Math.ceil((state.parts - (burst - 1) * perMs) / count);
}

/**
 * The state after a start at `atMs`. In any time from one start to another, w milliseconds later, fewer
 * than burst + (w + 1) × count / perMs tasks start.
 */
export function afterStart({ count, perMs }: RateLimit, state: RateState, atMs: number): RateState {
  // The clock counts whole milliseconds: who was due within the last one is not late.
  const isDue = state.wholeMs >= atMs || (state.wholeMs === atMs - 1 && state.parts > 0);
  const base = isDue ? state : { wholeMs: atMs, parts: 0 };
  const parts = base.parts + perMs;
  return { wholeMs: base.wholeMs + Math.floor(parts / count), parts: parts % count };
}

/**
 * The state under another limit that is set at `atMs`: what was used up stays so, but a queue never
 * waits longer than if it had used up its whole burst just now.
 */
export function underLimit(
  { count, perMs, burst }: RateLimit,
  { wholeMs, parts }: RateState,
  atMs: number,
): RateState {
  const exhaustedMs = atMs + Math.ceil((burst * perMs) / count);
  return { wholeMs: Math.min(wholeMs + (parts > 0 ? 1 : 0), exhaustedMs), parts: 0 };
}
