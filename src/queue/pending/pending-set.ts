// Every pending task that the leader has at hand. Bounded: what exceeds it stays in Redis, and of a
// paused queue all does. In which order they run is for pending-turn.ts to say.
//
// The words of this folder, from the one task outwards:
//
//   sequence  The place of a task in the order of submission (state/task-sequence.ts). It keeps it
//             for life: a task that comes back from a lost node, or is retried, stands where it stood.
//   lane      A queue and a priority: what tasks are stored by in Redis, one sorted set for each, by
//             sequence. A lane holds every pending task, however many.
//   band      The head of one lane in the leader's memory (pending-band.ts): the tasks with the
//             lowest sequences, up to a bound. What is past its `cursor` is in Redis, but for the
//             `tail`: newcomers at the other end, kept to save reading them again. A band that knows
//             all of its lane is `complete`; one that runs low is read on in Redis, from its cursor,
//             and one that grows too long forgets its end ("leaves it to Redis").
//   line      The tasks of one band that the same nodes can run: of one type, with the same required
//             labels, first in, first out (fifo.ts). Only the first of a line is ever looked at, so
//             a task that no free node can run holds up none but those that wait for the same nodes.
//             A band has as many lines as there are such needs in it; none is ever empty.
//   tier      A priority as risen by waiting (waiting-lines.ts). A line begins in the tier of its own
//             priority and rises by one for each `agingMs` that its first task waits; it falls back
//             where its next first task has waited less. Lane and band stay those of the priority
//             that was asked for.
//   share     Whose turn it is among the queues of one tier, by their weights (controls/fair-share).
//   gate      Which queues may start a task now: not those that are paused, run as many as they may,
//             or have used up their rate (controls/queue-gates).
//   turn      One search for tasks to run (pending-turn.ts), made whenever slots are free: tier by
//             tier from 9 down; in a tier queue by queue as their shares say, leaving out those whose
//             gate is shut; in a queue the oldest first task of those lines that some free slot can
//             run. A turn lasts for one log entry and ends with it.
//
// The path of a task: `add` puts it into its band, which appends it to its line; a turn takes it from
// there. Where it does not fit it waits in Redis, until `toRefill` names its band and `refill` brings
// in what was read.
import type { QueueGate } from "../controls/queue-gates.js";
import { type BacklogRead, PendingBand } from "./pending-band.js";
import type { PendingTask } from "../task/pending-task.js";
import { PendingTurn } from "./pending-turn.js";
import { MAX_PRIORITY } from "../task/define-task.js";
import { WaitingLines } from "./waiting-lines.js";

export interface PendingLimits {
  /** Tasks held in memory over all bands, about; each weighs some 300 bytes. */
  readonly maxTasks: number;
  readonly minBandCapacity: number;
  /** A band with fewer tasks than this, or than half of what it may hold, reads on in Redis. */
  readonly lowWater: number;
  /** Bands that are kept though nothing is pending in them: queues come and go by the client's will. */
  readonly maxIdleBands: number;
}

export const PENDING_LIMITS: PendingLimits = {
  maxTasks: 50_000,
  minBandCapacity: 8,
  lowWater: 100,
  maxIdleBands: 64,
};

export interface Lane {
  readonly queue: string;
  readonly priority: number;
}

export interface PendingSetOptions {
  readonly limits?: PendingLimits | undefined;
  /** Default: every queue may start any number of tasks. */
  readonly gate?: QueueGate | undefined;
  /** A task's priority rises by one for each such time that it waits; 0, the default: never. */
  readonly agingMs?: number | undefined;
}

const OPEN_GATE: QueueGate = {
  isPaused: () => false,
  opensAtMs: () => 0,
  weightOf: () => 1,
  started: () => undefined,
};

export class PendingSet {
  readonly #limits: PendingLimits;
  readonly #gate: QueueGate;
  readonly #lines: WaitingLines;
  readonly #bands = new Map<string, PendingBand>();
  /** Those of paused queues, which hold nothing. */
  readonly #paused = new Set<PendingBand>();
  /** Those that have to be read in Redis, sooner or later. */
  readonly #incomplete = new Set<PendingBand>();
  readonly #byId = new Map<string, PendingTask>();

  constructor({ limits, gate, agingMs }: PendingSetOptions = {}) {
    this.#limits = limits ?? PENDING_LIMITS;
    this.#gate = gate ?? OPEN_GATE;
    this.#lines = new WaitingLines(agingMs);
  }

  get bandCount(): number {
    return this.#bands.size;
  }

  /** Tasks in memory. */
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
    for (const band of this.#bands.values()) {
      band.reopen(lastIndex);
      this.#incomplete.add(band);
    }
  }

  /** A task became pending by the entry at `index`. One that is at hand already keeps its place. */
  add(task: PendingTask, index: number): void {
    if (this.#byId.has(task.id)) return;
    const band = this.#band(task.queue, task.priority, false);
    if (band.add(task, index, this.#capacity(band))) this.#byId.set(task.id, task);
    this.#changed(band);
  }

  /**
   * Takes a task out that is no longer pending.
   * @returns the task; undefined where it was not at hand
   */
  remove(id: string): PendingTask | undefined {
    const task = this.#byId.get(id);
    if (task === undefined) return undefined;
    this.#byId.delete(id);
    const band = this.#bands.get(bandKey(task.queue, task.priority));
    band?.remove(task);
    if (band?.idle === true && this.#bands.size > this.#limits.maxIdleBands) this.#close(band);
    return task;
  }

  /**
   * The tasks that should run now, one after the other. To be used at once: it ends when tasks are
   * added or removed by anyone else.
   */
  turn(nowMs: number): PendingTurn {
    this.#lines.age(nowMs);
    return new PendingTurn({
      lines: this.#lines,
      gate: this.#gate,
      nowMs,
      take: (id) => void this.remove(id),
    });
  }

  /** The gate says by now whether the queue is paused. */
  pauseChanged(queue: string): void {
    for (let priority = 0; priority <= MAX_PRIORITY; priority += 1) {
      const band = this.#bands.get(bandKey(queue, priority));
      if (band === undefined) continue;
      this.#paused.delete(band);
      if (!this.#gate.isPaused(queue)) continue;
      this.#paused.add(band);
      band.leaveAll();
      this.#changed(band);
    }
  }

  /** A band that should read on in Redis, the most urgent first. */
  toRefill(redisIndex: number, except?: ReadonlySet<PendingBand>): PendingBand | undefined {
    let next: PendingBand | undefined;
    for (const band of this.#incomplete) {
      if (next !== undefined && band.priority <= next.priority) continue;
      if (band.size >= this.#lowWater(band) || redisIndex < band.readableFrom) continue;
      if (except?.has(band) !== true && !this.#paused.has(band)) next = band;
    }
    return next;
  }

  /** How many tasks to read for a band at most. */
  readLimit(band: PendingBand): number {
    return Math.max(1, this.#capacity(band));
  }

  /** Takes in what was read from Redis for `band`. */
  refill(band: PendingBand, tasks: readonly PendingTask[], read: BacklogRead): void {
    // It was paused or closed while Redis was being read: what came is not wanted any more.
    if (this.#paused.has(band)) return;
    const fresh = tasks.filter(({ id, sequence }) => {
      const known = this.#byId.get(id);
      return known === undefined || known.sequence === sequence;
    });
    if (!band.refill(fresh, read)) return;
    for (const task of fresh) this.#byId.set(task.id, task);
    this.#changed(band);
  }

  #band(queue: string, priority: number, backlogInRedis: boolean): PendingBand {
    const key = bandKey(queue, priority);
    let band = this.#bands.get(key);
    if (band === undefined) {
      band = new PendingBand(queue, priority, backlogInRedis, this.#lines);
      this.#bands.set(key, band);
      if (this.#gate.isPaused(queue)) this.#paused.add(band);
    }
    return band;
  }

  #close(band: PendingBand): void {
    this.#bands.delete(bandKey(band.queue, band.priority));
    this.#paused.delete(band);
    this.#incomplete.delete(band);
  }

  #changed(band: PendingBand): void {
    if (band.complete) this.#incomplete.delete(band);
    else this.#incomplete.add(band);
    for (const { id } of band.takeDropped()) this.#byId.delete(id);
  }

  #capacity(band: PendingBand): number {
    if (this.#paused.has(band)) return 0;
    const { maxTasks, minBandCapacity } = this.#limits;
    const running = Math.max(1, this.#bands.size - this.#paused.size);
    return Math.max(minBandCapacity, Math.floor(maxTasks / running));
  }

  #lowWater(band: PendingBand): number {
    return Math.min(this.#limits.lowWater, Math.ceil(this.#capacity(band) / 2));
  }
}

function bandKey(queue: string, priority: number): string {
  return `${priority}:${queue}`;
}
