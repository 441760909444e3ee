// Finds out what the clocks of other nodes show: a reading goes along with what is sent to a peer anyhow, about
// once a second, and its stamp comes back with what the peer sends next, so that the way is known.
import type { ClockReading } from "../../gen/raft/v1/raft.js";
import type { Clocks } from "../../queue/log-time/clocks.js";
import type { ClockSample } from "../../queue/log-time/peer-clocks.js";

/** How often a peer is asked for its clock. */
const ASK_EVERY_MS = 1_000;
/** Stamps of a peer that may still come back; older ones are forgotten. */
const MAX_OUTSTANDING = 16;
/** So that stamps of this process are not taken for those of the one before it. */
const STAMPS = 2 ** 48;

interface Peer {
  /** By stamp, when it was sent; the oldest first. */
  readonly sent: Map<number, number>;
  askedAtMs: number;
  /** The peer's newest stamp, not sent back yet. */
  owed: { readonly stamp: number; readonly atMs: number } | undefined;
}

export interface ClockExchangeParts {
  readonly clocks: Clocks;
  /** In [0, 1). */
  readonly random: () => number;
  readonly isMember: (nodeId: string) => boolean;
  readonly onSample: (nodeId: string, sample: ClockSample) => void;
}

export class ClockExchange {
  readonly #parts: ClockExchangeParts;
  /** Bounded by the members there have been. */
  readonly #peers = new Map<string, Peer>();
  #stamp: number;

  constructor(parts: ClockExchangeParts) {
    this.#parts = parts;
    this.#stamp = Math.floor(parts.random() * STAMPS);
  }

  /** What goes along with the next messages to a peer; undefined where nothing is due. */
  toSend(peerId: string): ClockReading | undefined {
    const { clocks } = this.#parts;
    const nowMs = clocks.monotonicMs();
    const peer = this.#peer(peerId);
    const isDue = nowMs - peer.askedAtMs >= ASK_EVERY_MS;
    const { owed } = peer;
    if (!isDue && owed === undefined) return undefined;
    peer.owed = undefined;
    return {
      wallMs: Math.round(clocks.wallMs()),
      stamp: isDue ? this.#ask(peer, nowMs) : 0,
      echo: owed?.stamp ?? 0,
      echoHeldMs: owed === undefined ? 0 : nowMs - owed.atMs,
    };
  }

  /** A peer has told what its clock shows. */
  received(peerId: string, { wallMs, stamp, echo, echoHeldMs }: ClockReading): void {
    const { clocks, isMember, onSample } = this.#parts;
    if (!isMember(peerId)) return;
    const nowMs = clocks.monotonicMs();
    const peer = this.#peer(peerId);
    if (stamp !== 0) peer.owed = { stamp, atMs: nowMs };
    const sentAtMs = peer.sent.get(echo);
    if (sentAtMs === undefined) return;
    peer.sent.delete(echo);
    onSample(peerId, { wallMs, roundTripMs: nowMs - sentAtMs - echoHeldMs });
  }

  #ask(peer: Peer, nowMs: number): number {
    this.#stamp += 1;
    peer.askedAtMs = nowMs;
    peer.sent.set(this.#stamp, nowMs);
    for (const oldest of peer.sent.keys()) {
      if (peer.sent.size <= MAX_OUTSTANDING) break;
      peer.sent.delete(oldest);
    }
    return this.#stamp;
  }

  #peer(id: string): Peer {
    let peer = this.#peers.get(id);
    if (peer === undefined) {
      peer = { sent: new Map(), askedAtMs: -Infinity, owed: undefined };
      this.#peers.set(id, peer);
    }
    return peer;
  }
}
