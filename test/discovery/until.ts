// Waits for a condition instead of a time.
import { setTimeout as pause } from "node:timers/promises";

const STEP_MS = 10;
const GIVE_UP_MS = 20_000;

/** Resolves once the condition holds; fails the test where it does not in time. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + GIVE_UP_MS;
  while (!(await condition())) {
    if (performance.now() > end)
      throw new Error(`not within ${GIVE_UP_MS} ms: ${String(condition)}`);
    await pause(STEP_MS);
  }
}
