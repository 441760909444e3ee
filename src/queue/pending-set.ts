// Every pending task that the leader has at hand, and the order in which they run: higher priority
// first, inside a priority first in, first out. Bounded: what exceeds it stays in Redis.
import { type BacklogRead, PendingBand } from "./pending-band.js";
import type { PendingTask } from "./pending-task.js";

export interface PendingLimits {
  /** Tasks held in memory over all bands, about; each weighs some 300 bytes. */
  readonly maxTasks: number;
  readonly minBandCapacity: number;
  /** A band with fewer tasks than this reads on in Redis. */
  readonly lowWater: number;
  /** Bands that are kept though nothing is pending in them: queues come and go by the client's will. */
  readonly maxIdleBands: number;
}

export const PENDING_LIMITS: PendingLimits = {
  maxTasks: 50_000,
  minBandCapacity: 200,
  lowWater: 100,
  maxIdleBands: 64,
};

export interface Lane {
  readonly queue: string;
  readonly priority: number;
}

export class PendingSet {
  readonly #bands = new Map<string, PendingBand>();
  /** Bands by descending priority, kept sorted: there are few. */
  #ordered: PendingBand[] = [];
  readonly #byId = new Map<string, PendingTask>();

  constructor(private readonly limits: PendingLimits = PENDING_LIMITS) {}

  get bandCount(): number {
    return this.#bands.size;
  }

  get size(): number {
    return this.#byId.size;
  }

  get(id: string): PendingTask | undefined {
    return this.#byId.get(id);
  }

  /**
   * The picture may lack tasks that Redis holds, as at the start of a term or after an outage.
   *
   * @param lanes queues and priorities that have pending tasks in Redis
   * @param lastIndex newest entry that was proposed
   */
  reopen(lanes: readonly Lane[], lastIndex: number): void {
    for (const { queue, priority } of lanes) this.#band(queue, priority, true);
    for (const band of this.#ordered) band.reopen(lastIndex);
  }

  /** A task became pending by the entry at `index`. One that is at hand already keeps its place. */
  add(task: PendingTask, index: number): void {
    if (this.#byId.has(task.id)) return;
    const band = this.#band(task.queue, task.priority, false);
    const droppedBefore = band.drops;
    if (band.add(task, index, this.#capacity())) this.#byId.set(task.id, task);
    if (band.drops !== droppedBefore) this.#forgetDropped(band);
  }

  remove(id: string): PendingTask | undefined {
    const task = this.#byId.get(id);
    if (task === undefined) return undefined;
    this.#byId.delete(id);
    const band = this.#bands.get(bandKey(task.queue, task.priority));
    band?.remove(task);
    if (band?.idle === true && this.#bands.size > this.limits.maxIdleBands) this.#close(band);
    return task;
  }

  /** The task that should run next among those that `runnable` accepts. */
  next(runnable: (type: string, requires: readonly string[]) => boolean): PendingTask | undefined {
    let best: PendingTask | undefined;
    for (const band of this.#ordered) {
      if (best !== undefined && band.priority < best.priority) break;
      const task = band.size === 0 ? undefined : band.first(runnable);
      if (task === undefined) continue;
      if (best === undefined || task.sequence < best.sequence) best = task;
    }
    return best;
  }

  /** A band that should read on in Redis, the most urgent first. */
  toRefill(redisIndex: number, except?: ReadonlySet<PendingBand>): PendingBand | undefined {
    return this.#ordered.find(
      (band) =>
        !band.complete &&
        band.size < this.limits.lowWater &&
        redisIndex >= band.readableFrom &&
        except?.has(band) !== true,
    );
  }

  /** Takes in what was read from Redis for `band`. */
  refill(band: PendingBand, tasks: readonly PendingTask[], read: BacklogRead): void {
    const fresh = tasks.filter(({ id, sequence }) => {
      const known = this.#byId.get(id);
      return known === undefined || known.sequence === sequence;
    });
    if (!band.refill(fresh, read)) return;
    for (const task of fresh) this.#byId.set(task.id, task);
  }

  #band(queue: string, priority: number, backlogInRedis: boolean): PendingBand {
    const key = bandKey(queue, priority);
    let band = this.#bands.get(key);
    if (band === undefined) {
      band = new PendingBand(queue, priority, backlogInRedis);
      this.#bands.set(key, band);
      const behind = this.#ordered.findIndex((other) => other.priority < priority);
      this.#ordered.splice(behind === -1 ? this.#ordered.length : behind, 0, band);
    }
    return band;
  }

  #close(band: PendingBand): void {
    this.#bands.delete(bandKey(band.queue, band.priority));
    this.#ordered.splice(this.#ordered.indexOf(band), 1);
  }

  #capacity(): number {
    const { maxTasks, minBandCapacity } = this.limits;
    return Math.max(minBandCapacity, Math.floor(maxTasks / Math.max(1, this.#bands.size)));
  }

  /** The band dropped some of its last tasks: they are no longer at hand. */
  #forgetDropped(band: PendingBand): void {
    for (const [id, task] of this.#byId) {
      if (task.queue === band.queue && task.priority === band.priority && !band.has(task)) {
        this.#byId.delete(id);
      }
    }
  }
}

function bandKey(queue: string, priority: number): string {
  return `${priority}:${queue}`;
}
