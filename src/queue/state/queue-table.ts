// What is set for named queues, as every node holds it in memory: it changes only by applying the
// log, so that a pause outlives the leader, and a new leader's rate limits go on where the last one's
// were.
import type { CommandBatch, ConfigureQueueCommand } from "../../gen/mesh/v1/command.js";
import type {
  QueueControls,
  QueueLimits,
  QueueRecord,
  RateLimit,
} from "../../gen/mesh/v1/queue.js";
import { afterStart, nextStartMs, type RateState, underLimit, UNUSED_RATE } from "./gcra.js";

/** Queues for which something is set; past it a new one changes nothing, and the leader refuses it. */
export const MAX_CONFIGURED_QUEUES = 10_000;
export const DEFAULT_WEIGHT = 1;
export const NO_LIMITS: QueueLimits = { concurrency: 0, rate: undefined, weight: DEFAULT_WEIGHT };

interface Entry {
  readonly controls: QueueControls & { readonly limits: QueueLimits };
  rate: RateState;
}

export class QueueTable {
  readonly #byName = new Map<string, Entry>();
  /** How many of them have a rate limit: the starts of others need not be looked at. */
  #rated = 0;

  get size(): number {
    return this.#byName.size;
  }

  /** Undefined where nothing is set for the queue. */
  get(name: string): QueueControls | undefined {
    return this.#byName.get(name)?.controls;
  }

  isPaused(name: string): boolean {
    return this.#byName.get(name)?.controls.paused === true;
  }

  /** The limits of a queue; the defaults where none are set. */
  limitsOf(name: string): QueueLimits {
    return this.#byName.get(name)?.controls.limits ?? NO_LIMITS;
  }

  names(): Iterable<string> {
    return this.#byName.keys();
  }

  /** From when on the rate lets the next task of the queue start; 0 where it has no limit. */
  nextStartMs(name: string): number {
    const entry = this.#byName.get(name);
    const rate = entry?.controls.limits.rate;
    return entry === undefined || rate === undefined ? 0 : nextStartMs(rate, entry.rate);
  }

  /** Applies the commands of an entry. Reads no clock; the same log gives the same table. */
  apply(batch: CommandBatch): void {
    for (const { kind } of batch.commands) {
      if (kind?.$case === "configureQueue") this.configure(kind.value, batch.atMs);
      else if (kind?.$case === "assign" && this.#rated > 0) {
        for (const { queue } of kind.value.assignments) this.started(queue, batch.atMs);
      }
    }
  }

  /** As the command at `atMs` says. Nothing is kept of a queue for which nothing is set any more. */
  configure({ name, paused, limits }: ConfigureQueueCommand, atMs: number): void {
    const before = this.#byName.get(name);
    if (before === undefined && this.#byName.size >= MAX_CONFIGURED_QUEUES) return;
    const after = {
      name,
      paused: paused ?? before?.controls.paused ?? false,
      limits: limits ?? before?.controls.limits ?? NO_LIMITS,
    };
    const { rate } = after.limits;
    const used = before?.rate ?? UNUSED_RATE;
    const isSameRate = isEqualRate(rate, before?.controls.limits.rate);
    this.#put(after, rate === undefined || isSameRate ? used : underLimit(rate, used, atMs));
  }

  /** A task of the queue started at `atMs`. */
  started(name: string, atMs: number): void {
    const entry = this.#byName.get(name);
    const rate = entry?.controls.limits.rate;
    if (entry !== undefined && rate !== undefined) entry.rate = afterStart(rate, entry.rate, atMs);
  }

  /** All there is, for a snapshot. */
  toSnapshot(): QueueRecord[] {
    return [...this.#byName.values()].map(({ controls, rate }) => ({
      controls,
      rateWholeMs: rate.wholeMs,
      rateParts: rate.parts,
    }));
  }

  /** Puts the content of a snapshot in the place of everything. */
  restore(records: readonly QueueRecord[]): void {
    this.#byName.clear();
    this.#rated = 0;
    for (const { controls, rateWholeMs, rateParts } of records) {
      if (controls === undefined) continue;
      const limits = controls.limits ?? NO_LIMITS;
      this.#put({ ...controls, limits }, { wholeMs: rateWholeMs, parts: rateParts });
    }
  }

  #put(controls: Entry["controls"], rate: RateState): void {
    const before = this.#byName.get(controls.name);
    if (before?.controls.limits.rate !== undefined) this.#rated -= 1;
    if (!controls.paused && isDefault(controls.limits)) {
      this.#byName.delete(controls.name);
      return;
    }
    if (controls.limits.rate !== undefined) this.#rated += 1;
    const kept = controls.limits.rate === undefined ? UNUSED_RATE : rate;
    this.#byName.set(controls.name, { controls, rate: kept });
  }
}

function isDefault({ concurrency, rate, weight }: QueueLimits): boolean {
  return concurrency === 0 && rate === undefined && weight === DEFAULT_WEIGHT;
}

function isEqualRate(a: RateLimit | undefined, b: RateLimit | undefined): boolean {
  return a?.count === b?.count && a?.perMs === b?.perMs && a?.burst === b?.burst;
}
