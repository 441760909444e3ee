// What the clocks of other nodes show, as far as it was heard of late. A clock is known by its offset: how
// far it is ahead of this process's monotonic clock, so that what was heard a while ago still tells.

/** What was heard longer ago says nothing any more. */
const FRESH_MS = 15_000;
/** A better measurement stands so long against worse ones that say the same. */
const BEST_MS = 5_000;
/** Half of it is how wrong a measurement can be: past this it is none. */
const MAX_ROUND_TRIP_MS = 20_000;

/** What a peer's clock showed. */
export interface ClockSample {
  /** When the peer sent it, by its own clock: milliseconds since the epoch. */
  readonly wallMs: number;
  /** How long the way there and back took. */
  readonly roundTripMs: number;
}

interface Measured {
  readonly offsetMs: number;
  readonly roundTripMs: number;
  readonly atMs: number;
}

export class PeerClocks {
  /** Bounded by the peers that are heard of within the time for which that counts. */
  readonly #measured = new Map<string, Measured>();

  /** @param nowMs of the monotonic clock, when it arrived */
  note(peer: string, { wallMs, roundTripMs }: ClockSample, nowMs: number): void {
    this.#forgetOld(nowMs);
    if (!(roundTripMs >= 0 && roundTripMs <= MAX_ROUND_TRIP_MS) || !Number.isFinite(wallMs)) return;
    const known = this.#measured.get(peer);
    const offsetMs = wallMs + roundTripMs / 2 - nowMs;
    if (known !== undefined && nowMs - known.atMs < BEST_MS && known.roundTripMs < roundTripMs) {
      const doubtMs = (known.roundTripMs + roundTripMs) / 2;
      if (Math.abs(known.offsetMs - offsetMs) <= doubtMs + 1) return;
    }
    this.#measured.set(peer, { offsetMs, roundTripMs, atMs: nowMs });
  }

  /** Undefined where it was not heard of late. */
  offsetMs(peer: string, nowMs: number): number | undefined {
    this.#forgetOld(nowMs);
    return this.#measured.get(peer)?.offsetMs;
  }

  #forgetOld(nowMs: number): void {
    for (const [peer, { atMs }] of this.#measured) {
      if (nowMs - atMs > FRESH_MS) this.#measured.delete(peer);
    }
  }
}

/** The two middle ones of the offsets that are known; the same one where their number is odd. */
export interface MiddleOffsets {
  readonly lowMs: number;
  readonly highMs: number;
}

/** The middle of what a majority's clocks say; undefined where fewer than that are known. */
export function middleOfMajority(
  known: readonly number[],
  voters: number,
): MiddleOffsets | undefined {
  if (known.length <= voters / 2) return undefined;
  const sorted = [...known].sort((a, b) => a - b);
  const lowMs = sorted[Math.floor((sorted.length - 1) / 2)];
  const highMs = sorted[Math.floor(sorted.length / 2)];
  return lowMs === undefined || highMs === undefined ? undefined : { lowMs, highMs };
}
