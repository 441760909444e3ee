/**
 * Whether a signal is aborted, read through a call: TypeScript would take the property for
 * unchanged since the last look, though it changes while something is awaited or a generator is
 * suspended.
 */
export function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
