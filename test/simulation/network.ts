// Packet simulator: loses, delays, duplicates and reorders packets, and cuts links one way at a
// time. Knows nothing of what it carries.
import { US_PER_MS, type EventQueue } from "./event-queue.js";
import type { Prng } from "./prng.js";

/** How bad the network is; a healthy one loses nothing and delays little. */
export interface NetworkConditions {
  readonly lossProbability: number;
  readonly duplicateProbability: number;
  readonly minDelayUs: number;
  /** Mean of the exponential part of the delay: what makes packets overtake each other. */
  readonly meanJitterUs: number;
  /** Chance that a packet is held up for a long time, as by a full buffer on its way. */
  readonly stragglerProbability: number;
  readonly meanStragglerDelayUs: number;
}

export const HEALTHY_NETWORK: NetworkConditions = {
  lossProbability: 0,
  duplicateProbability: 0,
  minDelayUs: US_PER_MS / 2,
  meanJitterUs: US_PER_MS / 2,
  stragglerProbability: 0,
  meanStragglerDelayUs: 0,
};

/** Packets under way on one link at a time; what is more is lost, as by a full socket buffer. */
const MAX_IN_FLIGHT_PER_LINK = 4_096;

class Link {
  cuts = 0;
  inFlight = 0;
}

/** Packets that are remembered to be replayed, some of them from long ago. */
const MAX_REMEMBERED = 300;
const REMEMBER_PROBABILITY = 0.2;

export class Network<Packet> {
  readonly #events: EventQueue;
  readonly #prng: Prng;
  readonly #deliver: (from: string, to: string, packet: Packet) => void;
  conditions: NetworkConditions = HEALTHY_NETWORK;
  /** Whether packets are kept for {@link replay}. */
  remembers = false;
  readonly #remembered: { from: string; to: string; packet: Packet }[] = [];
  /** Packets counted by what became of them. */
  readonly counts = { sent: 0, lost: 0, duplicated: 0, delivered: 0 };
  readonly #links = new Map<string, Map<string, Link>>();

  constructor(
    events: EventQueue,
    prng: Prng,
    deliver: (from: string, to: string, packet: Packet) => void,
  ) {
    this.#events = events;
    this.#prng = prng;
    this.#deliver = deliver;
  }

  send(from: string, to: string, packet: Packet): void {
    this.counts.sent += 1;
    const link = this.#link(from, to);
    if (this.remembers && this.#prng.chance(REMEMBER_PROBABILITY)) {
      const place = Math.min(this.#prng.below(MAX_REMEMBERED), this.#remembered.length);
      this.#remembered[place] = { from, to, packet };
    }
    if (link.cuts > 0 || this.#prng.chance(this.conditions.lossProbability)) {
      this.counts.lost += 1;
      return;
    }
    this.#carry(link, from, to, packet);
    if (this.#prng.chance(this.conditions.duplicateProbability)) {
      this.counts.duplicated += 1;
      this.#carry(link, from, to, packet);
    }
  }

  /** Sends a packet of the past once more, whether it arrived then or not. */
  replay(): void {
    const old = this.#prng.pick(this.#remembered);
    if (old === undefined) return;
    this.counts.duplicated += 1;
    this.#carry(this.#link(old.from, old.to), old.from, old.to, old.packet);
  }

  /**
   * Cuts the way from one to the other (not the way back) until the returned function is called.
   * Packets that are under way are lost as well. Cuts of one link add up.
   */
  cut(from: string, to: string): () => void {
    const link = this.#link(from, to);
    let isCut = true;
    link.cuts += 1;
    return () => {
      if (isCut) link.cuts -= 1;
      isCut = false;
    };
  }

  isCut(from: string, to: string): boolean {
    return this.#link(from, to).cuts > 0;
  }

  #carry(link: Link, from: string, to: string, packet: Packet): void {
    if (link.inFlight >= MAX_IN_FLIGHT_PER_LINK) {
      this.counts.lost += 1;
      return;
    }
    const { minDelayUs, meanJitterUs, stragglerProbability, meanStragglerDelayUs } =
      this.conditions;
    let delayUs = minDelayUs + this.#prng.exponential(meanJitterUs);
    if (this.#prng.chance(stragglerProbability)) {
      delayUs += this.#prng.exponential(meanStragglerDelayUs);
    }
    link.inFlight += 1;
    this.#events.after(delayUs, () => {
      link.inFlight -= 1;
      if (link.cuts > 0) {
        this.counts.lost += 1;
        return;
      }
      this.counts.delivered += 1;
      this.#deliver(from, to, packet);
    });
  }

  #link(from: string, to: string): Link {
    let row = this.#links.get(from);
    if (row === undefined) {
      row = new Map();
      this.#links.set(from, row);
    }
    let link = row.get(to);
    if (link === undefined) {
      link = new Link();
      row.set(to, link);
    }
    return link;
  }
}
