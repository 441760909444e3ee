// The lease with its timers: when to ask the leader for it anew, and when it has run out.
import { WorkerLease } from "../../worker/lease.js";

/** Keepalives in one lease: some may be late or lost. */
const KEEPALIVES_PER_LEASE = 4;

export interface TimedLeaseOptions {
  readonly leaseMs: number;
  /** Monotonic, milliseconds. */
  readonly monotonicMs: () => number;
  /** It is time for a keepalive. */
  readonly onBeat: () => void;
  readonly onExpired: () => void;
}

export class TimedLease {
  readonly #options: TimedLeaseOptions;
  readonly #lease = new WorkerLease();
  #sequence = 0;
  #beat: NodeJS.Timeout | undefined;
  #expiry: NodeJS.Timeout | undefined;

  constructor(options: TimedLeaseOptions) {
    this.#options = options;
  }

  start(): void {
    const { leaseMs, onBeat } = this.#options;
    this.#beat = setInterval(onBeat, leaseMs / KEEPALIVES_PER_LEASE);
  }

  stop(): void {
    clearInterval(this.#beat);
    clearTimeout(this.#expiry);
  }

  /** Number of a keepalive that leaves now. */
  nextKeepalive(): number {
    this.#sequence += 1;
    this.#lease.sent(this.#sequence, this.#options.monotonicMs());
    return this.#sequence;
  }

  /** False where the answer is to no keepalive that still counts. */
  granted(sequence: number, leaseMs: number): boolean {
    if (!this.#lease.granted(sequence, leaseMs)) return false;
    this.#arm();
    return true;
  }

  /** Gives it up at once. */
  revoke(): void {
    this.#lease.revoke();
  }

  /** Looks at the clock, which a timer may have missed: calls `onExpired` where it has run out. */
  check(): void {
    if (this.isHeld()) this.#arm();
    else this.#options.onExpired();
  }

  isHeld(): boolean {
    return this.#lease.isHeld(this.#options.monotonicMs());
  }

  /** How long it is held yet, in milliseconds; not above 0 where it is not. */
  leftMs(): number {
    return this.#lease.expiresAtMs() - this.#options.monotonicMs();
  }

  #arm(): void {
    clearTimeout(this.#expiry);
    this.#expiry = setTimeout(() => this.check(), Math.max(0, this.leftMs()));
  }
}
