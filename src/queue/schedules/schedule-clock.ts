// Turns occurrences into submissions while this node leads. Each is proposed together with the note
// that it was: one entry of the log holds both, and nobody who leads later can submit it again.
import { ulid } from "ulid";
import type { FireScheduleCommand } from "../../gen/mesh/v1/command.js";
import { MisfirePolicy } from "../../gen/mesh/v1/schedule.js";
import type { TaskDefinition } from "../../gen/mesh/v1/task.js";
import { nextOccurrence } from "./cron.js";
import { waitUntilMs } from "../log-time/wait-until.js";
import type { ScheduleRecord, ScheduleTable } from "../state/schedule-table.js";

/** Occurrences that are late by no more than this are made up for one by one. */
export const MISFIRE_GRACE_MS = 60_000;
/** Occurrences of one turn: finding the next time of each takes about 0.1 ms. */
const MAX_FIRES_PER_TURN = 100;
/** Occurrences that wait for the log; past it the clock waits, too. */
const MAX_WAITING_FIRES = 1_000;
const BACK_PRESSURE_MS = 50;

/** An occurrence, for one entry. */
export interface Fire {
  readonly task: TaskDefinition;
  readonly command: FireScheduleCommand;
}

export interface ScheduleClockParts {
  readonly table: ScheduleTable;
  /** Milliseconds since the epoch, never going back. */
  readonly now: () => number;
  /** Proposes them, each whole in one entry, in this order. */
  readonly fire: (fires: readonly Fire[]) => void;
  /** Occurrences that `fire` took and that are in no entry yet. */
  readonly waiting: () => number;
}

/** When a schedule is next due, as it will be once what is proposed is committed; Infinity for never. */
interface Due {
  readonly record: ScheduleRecord;
  atMs: number;
}

export class ScheduleClock {
  readonly #parts: ScheduleClockParts;
  readonly #due = new Map<string, Due>();
  /** What was foreseen of schedules to which a change is on its way. */
  readonly #held = new Map<string, Due>();
  #timer: NodeJS.Timeout | undefined;
  #running = false;

  constructor(parts: ScheduleClockParts) {
    this.#parts = parts;
  }

  /** Begins to submit occurrences, those first that came due while nobody led. */
  start(): void {
    this.#running = true;
    for (const record of this.#parts.table.all()) this.#expect(record);
    this.#turn();
  }

  stop(): void {
    this.#running = false;
    clearTimeout(this.#timer);
  }

  /** A change of this schedule is on its way: nothing of it is submitted until `changed`. */
  hold(name: string): void {
    const due = this.#due.get(name);
    if (due === undefined) return;
    this.#due.delete(name);
    this.#held.set(name, due);
  }

  /** The change was applied, or will never be. */
  changed(name: string): void {
    if (!this.#running) return;
    const held = this.#held.get(name);
    this.#held.delete(name);
    this.#due.delete(name);
    const record = this.#parts.table.get(name);
    if (record !== undefined) {
      // The schedule is unchanged: what was foreseen stands, since it counts in proposals that are
      // not applied yet.
      if (held?.record.revision === record.revision) this.#due.set(name, held);
      else this.#expect(record);
    }
    this.#arm();
  }

  #expect(record: ScheduleRecord): void {
    const { schedule, nextAtMs } = record;
    if (!schedule.paused && nextAtMs !== undefined) {
      this.#due.set(schedule.name, { record, atMs: nextAtMs });
    }
  }

  #turn(): void {
    const nowMs = this.#parts.now();
    const room = MAX_WAITING_FIRES - this.#parts.waiting();
    const fires: Fire[] = [];
    for (const due of this.#due.values()) {
      while (due.atMs <= nowMs && fires.length < Math.min(room, MAX_FIRES_PER_TURN)) {
        const { fire, nextAtMs } = occurrence(due.record, due.atMs, nowMs);
        if (fire !== undefined) fires.push(fire);
        due.atMs = nextAtMs ?? Infinity;
      }
    }
    if (fires.length > 0) this.#parts.fire(fires);
    this.#arm();
  }

  #arm(): void {
    clearTimeout(this.#timer);
    if (!this.#running) return;
    let atMs = Infinity;
    for (const due of this.#due.values()) atMs = Math.min(atMs, due.atMs);
    if (atMs === Infinity) return;
    const leastMs = this.#parts.waiting() >= MAX_WAITING_FIRES ? BACK_PRESSURE_MS : 0;
    this.#timer = setTimeout(() => this.#turn(), waitUntilMs(atMs, this.#parts.now(), leastMs));
  }
}

/** What becomes of the occurrence at `atMs`, and when the one after it is. */
function occurrence(
  { schedule, revision }: ScheduleRecord,
  atMs: number,
  nowMs: number,
): { readonly fire: Fire | undefined; readonly nextAtMs: number | undefined } {
  const { name, cron, timezone, task: template, misfire } = schedule;
  const youngMs = nowMs - MISFIRE_GRACE_MS;
  const isOld = atMs < youngMs;
  // One occurrence stands for all that were missed before the last minute.
  const nextAtMs = nextOccurrence(cron, timezone, isOld ? youngMs - 1 : atMs);
  if (template === undefined || (isOld && misfire === MisfirePolicy.SKIP)) {
    return { fire: undefined, nextAtMs };
  }
  const id = ulid(nowMs);
  const task = { ...template, id, schedule: name, createdAtMs: nowMs, runAtMs: atMs };
  return {
    fire: { task, command: { name, revision, firedAtMs: atMs, taskId: id, nextAtMs } },
    nextAtMs,
  };
}
