// The schedules, as every node holds them in memory: they change only by applying the log, so that
// any node that is elected goes on exactly where the last leader was.
import type { CommandBatch, FireScheduleCommand } from "../../gen/mesh/v1/command.js";
import { Schedule, type ScheduleState } from "../../gen/mesh/v1/schedule.js";

/** Schedules of a mesh; past it a new one changes nothing, and the leader refuses it. */
export const MAX_SCHEDULES = 10_000;

export interface ScheduleRecord extends Readonly<Omit<ScheduleState, "schedule">> {
  readonly schedule: Schedule;
}

export class ScheduleTable {
  readonly #byName = new Map<string, ScheduleRecord>();

  get size(): number {
    return this.#byName.size;
  }

  get(name: string): ScheduleRecord | undefined {
    return this.#byName.get(name);
  }

  all(): Iterable<ScheduleRecord> {
    return this.#byName.values();
  }

  /** Applies the commands of the entry at `index`. Reads no clock; the same log gives the same table. */
  apply(index: number, batch: CommandBatch): void {
    for (const { kind } of batch.commands) {
      switch (kind?.$case) {
        case "putSchedule":
          if (kind.value.schedule !== undefined) {
            this.#put(index, batch.atMs, kind.value.schedule, kind.value.nextAtMs);
          }
          break;
        case "deleteSchedule":
          this.#byName.delete(kind.value.name);
          break;
        case "fireSchedule":
          this.#fired(kind.value);
          break;
        default:
          break;
      }
    }
  }

  /** All there is, for a snapshot. */
  toSnapshot(): ScheduleState[] {
    return [...this.#byName.values()];
  }

  /** Puts the content of a snapshot in the place of everything. */
  restore(states: readonly ScheduleState[]): void {
    this.#byName.clear();
    for (const { schedule, ...state } of states) {
      if (schedule !== undefined) this.#byName.set(schedule.name, { ...state, schedule });
    }
  }

  #put(index: number, atMs: number, schedule: Schedule, nextAtMs: number | undefined): void {
    const before = this.#byName.get(schedule.name);
    // As asked for already: its occurrences go on as they are.
    if (before !== undefined && isSame(before.schedule, schedule)) return;
    if (before === undefined && this.#byName.size >= MAX_SCHEDULES) return;
    this.#byName.set(schedule.name, {
      schedule,
      revision: index,
      createdAtMs: before?.createdAtMs ?? atMs,
      updatedAtMs: atMs,
      nextAtMs,
      lastFiredAtMs: before?.lastFiredAtMs,
      lastTaskId: before?.lastTaskId ?? "",
      fired: before?.fired ?? 0,
    });
  }

  #fired({ name, revision, firedAtMs, taskId, nextAtMs }: FireScheduleCommand): void {
    const before = this.#byName.get(name);
    if (before?.revision !== revision) return;
    this.#byName.set(name, {
      ...before,
      nextAtMs,
      lastFiredAtMs: firedAtMs,
      lastTaskId: taskId,
      fired: before.fired + 1,
    });
  }
}

function isSame(a: Schedule, b: Schedule): boolean {
  return Buffer.compare(Schedule.encode(a).finish(), Schedule.encode(b).finish()) === 0;
}
