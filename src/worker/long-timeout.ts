// A timer for waits longer than Node's 24.8 days: setTimeout fires at once for those.

/** Longest wait of one setTimeout. */
const MAX_TIMER_MS = 2_147_483_647;

/** Calls `fire` after `delayMs` unless the returned function was called before. */
export function startTimeout(delayMs: number, fire: () => void): () => void {
  let timer: NodeJS.Timeout;
  const arm = (leftMs: number): void => {
    const stepMs = Math.min(leftMs, MAX_TIMER_MS);
    timer = setTimeout(() => {
      if (leftMs > stepMs) arm(leftMs - stepMs);
      else fire();
    }, stepMs);
  };
  arm(delayMs);
  return () => {
    clearTimeout(timer);
  };
}
