// All lines of waiting tasks by the priority that they have by now: it rises as their first task
// waits, so that the lowest is never starved. Work is done per line, never per task.
import type { Fifo } from "./fifo.js";
import { FairShare } from "../controls/fair-share.js";
import { MAX_PRIORITY } from "../task/define-task.js";

/** Risen priorities are looked at again this often within the time that a rise takes. */
const LOOKS_PER_RISE = 10;
const MAX_BETWEEN_LOOKS_MS = 1_000;

/** Tasks of one queue and priority that the same nodes can run, first in, first out; never empty. */
export interface Line {
  readonly queue: string;
  readonly priority: number;
  readonly type: string;
  readonly requires: readonly string[];
  readonly tasks: Fifo;
  /** Its priority by now: at least `priority`, at most 9. */
  tier: number;
}

interface Tier {
  readonly lines: Set<Line>;
  readonly share: FairShare;
}

export class WaitingLines {
  readonly #agingMs: number;
  readonly #tiers: readonly Tier[] = Array.from({ length: MAX_PRIORITY + 1 }, () => ({
    lines: new Set<Line>(),
    share: new FairShare(),
  }));
  #nowMs = 0;
  #lookAgainAtMs = 0;

  /** @param agingMs a priority rises by one for each such time that the first task waits; 0: never */
  constructor(agingMs = 0) {
    this.#agingMs = agingMs;
  }

  /** Lines of one priority, and whose turn it is among their queues. */
  tier(priority: number): { readonly lines: ReadonlySet<Line>; readonly share: FairShare } {
    return this.#tierOf(priority);
  }

  /** A line begins to wait, in the tier that its first task has risen to. */
  open(line: Line): void {
    line.tier = this.#risenPriority(line);
    this.#tierOf(line.tier).lines.add(line);
  }

  /** The line has no task any more. */
  close(line: Line): void {
    this.#tierOf(line.tier).lines.delete(line);
  }

  /** The first task of the line is another one. */
  headChanged(line: Line): void {
    // A rise may wait for the next look; a line whose new first task has waited less falls at once.
    if (line.tier > line.priority) this.#move(line);
  }

  /** Time goes on: lets rise what has waited long enough. */
  age(nowMs: number): void {
    this.#nowMs = nowMs;
    if (this.#agingMs === 0 || nowMs < this.#lookAgainAtMs) return;
    const betweenLooksMs = Math.min(this.#agingMs / LOOKS_PER_RISE, MAX_BETWEEN_LOOKS_MS);
    this.#lookAgainAtMs = nowMs + betweenLooksMs;
    // From the top down, so that none is looked at twice.
    for (const { lines } of this.#tiers.toReversed()) for (const line of lines) this.#move(line);
  }

  #move(line: Line): void {
    const tier = this.#risenPriority(line);
    if (tier === line.tier) return;
    this.close(line);
    line.tier = tier;
    this.#tierOf(tier).lines.add(line);
  }

  #risenPriority({ priority, tasks }: Line): number {
    const first = tasks.first();
    if (this.#agingMs === 0 || first === undefined) return priority;
    const waitedMs = Math.max(0, this.#nowMs - first.runAtMs);
    return Math.min(MAX_PRIORITY, priority + Math.floor(waitedMs / this.#agingMs));
  }

  #tierOf(priority: number): Tier {
    const tier = this.#tiers[priority];
    if (tier === undefined) throw new Error(`there is no priority ${priority}`);
    return tier;
  }
}
