// What is wrong with the clocks of a mesh, in words for people who are to mend it.
import type { LogTimeState } from "./log-clock.js";
import { MAX_STEP_MS } from "./real-time.js";

const UNITS: readonly (readonly [name: string, ms: number])[] = [
  ["days", 86_400_000],
  ["hours", 3_600_000],
  ["minutes", 60_000],
];

/** Empty where all is well. */
export function logTimeReasons({ aheadMs, refusedJump, astray }: LogTimeState): string[] {
  const reasons: string[] = [];
  if (refusedJump !== undefined) {
    const { byMs, heldMs } = refusedJump;
    reasons.push(
      `the clocks were set ${direction(byMs)} by ${duration(byMs)}, which is not followed ` +
        `unless it holds for ${duration(heldMs)}`,
    );
  }
  for (const [nodeId, byMs] of astray) {
    const way = byMs > 0 ? "ahead" : "behind";
    reasons.push(
      `the clock of node ${nodeId} is ${duration(byMs)} ${way}, and is not gone by: set it`,
    );
  }
  if (aheadMs > MAX_STEP_MS) {
    reasons.push(`log time is ${duration(aheadMs)} ahead of real time, and goes slower until then`);
  }
  return reasons;
}

/** Such as "400 days", "3 minutes", "59 seconds". */
export function duration(ms: number): string {
  const whole = Math.abs(ms);
  // From two of a unit on: "90 seconds" tells more than "1 minute".
  const [name, unitMs] = UNITS.find(([, one]) => whole >= 2 * one) ?? ["seconds", 1_000];
  return `${Math.round(whole / unitMs)} ${name}`;
}

function direction(byMs: number): string {
  return byMs > 0 ? "forward" : "back";
}
