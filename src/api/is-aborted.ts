/** Asked anew: it changes while something is awaited, or a generator is suspended. */
export function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
