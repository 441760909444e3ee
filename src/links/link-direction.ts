// One direction between two peers: the rule in force, and what it does to a parcel or a message. All
// connections between the two share it, whoever opened them.
import type { LinkRule } from "./link-rule.js";

/** First wait of TCP before it sends again (RFC 6298 has 1 s, Linux 200 ms), doubled each time. */
const RETRANSMIT_MS = 200;
const MAX_RETRANSMITS = 6;

export class LinkDirection {
  readonly #random: () => number;
  readonly #watchers = new Set<() => void>();
  #rule: LinkRule | undefined;
  /** The bandwidth is taken until then. */
  #busyUntilMs = 0;

  constructor(
    readonly from: string,
    readonly to: string,
    random: () => number,
  ) {
    this.#random = random;
  }

  get rule(): LinkRule | undefined {
    return this.#rule;
  }

  /** True where whatever is sent passes at once. */
  get isFree(): boolean {
    return this.#rule === undefined;
  }

  get isCut(): boolean {
    return this.#rule !== undefined && (this.#rule.cut || this.#rule.lossRate >= 1);
  }

  /** From now on `rule` is in force, or none; what waits is told. */
  become(rule: LinkRule | undefined): void {
    this.#rule = rule;
    this.#busyUntilMs = 0;
    for (const tell of [...this.#watchers]) tell();
  }

  /** Calls `tell` after each change of the rule; returns how to end that. */
  onChange(tell: () => void): () => void {
    this.#watchers.add(tell);
    return () => this.#watchers.delete(tell);
  }

  /**
   * When so many bytes arrive that are sent at `nowMs`, were the link not cut.
   * @param retransmits whether loss makes them late
   */
  arrivalMs(bytes: number, nowMs: number, retransmits: boolean): number {
    const rule = this.#rule;
    if (rule === undefined) return nowMs;
    let atMs = nowMs;
    if (rule.bytesPerSecond > 0) {
      const takesMs = (bytes * 1_000) / rule.bytesPerSecond;
      this.#busyUntilMs = Math.max(nowMs, this.#busyUntilMs) + takesMs;
      atMs = this.#busyUntilMs;
    }
    atMs += rule.delayMs;
    if (rule.jitterMs > 0) atMs += rule.jitterMs * this.#random();
    if (!retransmits) return atMs;
    for (let tries = 0; tries < MAX_RETRANSMITS && this.#loses(rule); tries += 1) {
      atMs += RETRANSMIT_MS * 2 ** tries;
    }
    return atMs;
  }

  /** What arrives of messages that may be lost, and may come twice; the same list where all does. */
  surviving<T>(messages: readonly T[]): readonly T[] {
    const rule = this.#rule;
    if (rule === undefined || (rule.lossRate === 0 && rule.duplicateRate === 0)) return messages;
    return messages.flatMap((message) => {
      if (this.#loses(rule)) return [];
      return this.#random() < rule.duplicateRate ? [message, message] : [message];
    });
  }

  #loses(rule: LinkRule): boolean {
    return rule.lossRate > 0 && this.#random() < rule.lossRate;
  }
}
