// Finds out that this process stood still: a handler that never yielded, a long collection of garbage,
// a machine too busy, SIGSTOP. Whatever was true before, such as a lease or leadership, may have
// ended meanwhile.

/** Beats in the shortest stall that somebody listens for: how exactly its length is known. */
const BEATS_PER_STALL = 8;

export interface StallWatchOptions {
  /** Monotonic, milliseconds. */
  readonly monotonicMs: () => number;
  /** Stalls longer than this are counted and told of. */
  readonly countedMs: number;
  /** A stall that is counted; the listeners have been told. */
  readonly onCounted: (stallMs: number) => void;
}

export interface StallCounts {
  readonly stalls: number;
  readonly longestStallMs: number;
}

interface Listener {
  readonly longerThanMs: number;
  readonly tell: (stallMs: number) => void;
}

/**
 * A timer beats; between two beats the event loop cannot have turned much. Who acts on something that
 * a stall may have ended calls `look()` first: after a stall other callbacks may come before the timer.
 */
export class StallWatch {
  readonly #options: StallWatchOptions;
  readonly #listeners: Listener[] = [];
  #timer: NodeJS.Timeout | undefined;
  #shortestMs: number;
  #beatAtMs = 0;
  #stalls = 0;
  #longestMs = 0;

  constructor(options: StallWatchOptions) {
    this.#options = options;
    this.#shortestMs = options.countedMs;
  }

  /** Before `start()`. Listeners are told in their order, before anything that called `look()` goes on. */
  onStall(longerThanMs: number, tell: (stallMs: number) => void): void {
    this.#listeners.push({ longerThanMs, tell });
    this.#shortestMs = Math.min(this.#shortestMs, longerThanMs);
  }

  /**
   * Begins to look for stalls of the event loop, several times within the shortest that anyone asks
   * for.
   */
  start(): void {
    this.#beatAtMs = this.#options.monotonicMs();
    this.#timer = setInterval(() => this.look(), this.#shortestMs / BEATS_PER_STALL);
  }

  /** Looks no more; what was counted stays. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Tells of a stall that has just ended, if there was one. */
  look(): void {
    if (this.#timer === undefined) return;
    const nowMs = this.#options.monotonicMs();
    const stallMs = nowMs - this.#beatAtMs;
    this.#beatAtMs = nowMs;
    if (stallMs <= this.#shortestMs) return;
    for (const { longerThanMs, tell } of this.#listeners) if (stallMs > longerThanMs) tell(stallMs);
    const { countedMs, onCounted } = this.#options;
    if (stallMs <= countedMs) return;
    this.#stalls += 1;
    this.#longestMs = Math.max(this.#longestMs, Math.round(stallMs));
    onCounted(stallMs);
  }

  /** Stalls since the start, and the longest, in milliseconds. */
  counts(): StallCounts {
    return { stalls: this.#stalls, longestStallMs: this.#longestMs };
  }
}
