// Waits for what the mesh is to become, within a bound, and through answers that say "not now".
import { setTimeout as sleep } from "node:timers/promises";
import { ExitError } from "../exit.js";

const POLL_MS = 50;
const TIMEOUT_MS = 60_000;

export interface UntilOptions {
  readonly signal: AbortSignal;
  readonly timeoutMs?: number;
}

/**
 * Calls `check` until it answers something other than undefined.
 *
 * @param what completes the sentence "waited in vain: …"
 * @throws ExitError when the time is up, with the last refusal that `check` met
 */
export async function until<T>(
  what: string,
  check: () => Promise<T | undefined>,
  { signal, timeoutMs = TIMEOUT_MS }: UntilOptions,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  let refusal: string;
  for (;;) {
    try {
      const found = await check();
      if (found !== undefined) return found;
      refusal = "";
    } catch (error) {
      // A mesh that is being hurt may refuse for a while; anything else is a mistake.
      if (!(error instanceof ExitError)) throw error;
      refusal = ` (${error.exitLine})`;
    }
    if (Date.now() > deadline) {
      throw new ExitError(`waited ${timeoutMs / 1_000} s in vain: ${what}${refusal}`);
    }
    await sleep(POLL_MS, undefined, { signal });
  }
}
