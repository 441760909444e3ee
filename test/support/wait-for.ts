// Waits for a condition instead of for a time: tests that sleep are slow where they pass and wrong
// where the machine is busy.
import { setTimeout as sleep } from "node:timers/promises";

const POLL_MS = 20;
const TIMEOUT_MS = 30_000;

/** What a probe answers while the condition does not hold yet. */
export type NotYet = false | undefined;

/**
 * Calls `probe` until it answers something other than false or undefined, and returns that.
 * @param what is named where the time is up
 * @throws Error with the last failure of the probe as its cause
 */
export async function waitFor<T>(
  what: string,
  probe: () => T | NotYet | Promise<T | NotYet>,
  timeoutMs = TIMEOUT_MS,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  let failure: unknown;
  for (;;) {
    try {
      const answer = await probe();
      if (answer !== false && answer !== undefined) return answer;
      failure = undefined;
    } catch (error) {
      failure = error;
    }
    if (Date.now() > deadline) {
      throw new Error(`waited ${timeoutMs} ms in vain: ${what}`, { cause: failure });
    }
    await sleep(POLL_MS);
  }
}
