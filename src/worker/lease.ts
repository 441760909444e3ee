// How long this node may believe that its tasks are its own. Pure: the caller brings the time.

/** Keepalives whose answer is awaited; past it the oldest is forgotten, its late answer ignored. */
export const MAX_OUTSTANDING_KEEPALIVES = 64;

/**
 * The lease that the leader grants by answering keepalives.
 *
 * A grant counts from when its keepalive was SENT: the leader counts from when it answered, which is
 * later, so this node always gives up first, however long the answer travelled. All times come from
 * one monotonic clock: the wall clock may jump.
 *
 * Invariant: `expiresAtMs()` never goes back, except by `revoke()`.
 */
export class WorkerLease {
  /** In the order of sending; sequences ascend. */
  readonly #sentAtMs = new Map<number, number>();
  #expiresAtMs = Number.NEGATIVE_INFINITY;

  /** A keepalive leaves. `sequence` must be greater than every one before. */
  sent(sequence: number, nowMs: number): void {
    this.#sentAtMs.set(sequence, nowMs);
    if (this.#sentAtMs.size > MAX_OUTSTANDING_KEEPALIVES) {
      const oldest = this.#sentAtMs.keys().next();
      if (oldest.done !== true) this.#sentAtMs.delete(oldest.value);
    }
  }

  /**
   * The leader answered. False where the sequence is unknown: answered before, forgotten, or sent
   * before `revoke()`; the lease is then left as it was.
   */
  granted(sequence: number, leaseMs: number): boolean {
    const sentAtMs = this.#sentAtMs.get(sequence);
    if (sentAtMs === undefined) return false;
    // Older keepalives can only grant less: forget them with this one.
    for (const known of this.#sentAtMs.keys()) {
      if (known > sequence) break;
      this.#sentAtMs.delete(known);
    }
    this.#expiresAtMs = Math.max(this.#expiresAtMs, sentAtMs + leaseMs);
    return true;
  }

  /** Gives the lease up at once; grants of keepalives sent before no longer count. */
  revoke(): void {
    this.#sentAtMs.clear();
    this.#expiresAtMs = Number.NEGATIVE_INFINITY;
  }

  /** First moment at which the lease is not held; -Infinity before the first grant. */
  expiresAtMs(): number {
    return this.#expiresAtMs;
  }

  isHeld(nowMs: number): boolean {
    return nowMs < this.#expiresAtMs;
  }
}
