// The two clocks of a process, told apart, and given from outside so that tests can set them.

export interface Clocks {
  /** Milliseconds since the epoch. It may be wrong, be set in any direction, and jump over a sleep. */
  wallMs(): number;
  /** Milliseconds since some moment. It never jumps; while the machine sleeps it may stand. */
  monotonicMs(): number;
}

export const PROCESS_CLOCKS: Clocks = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};
