// The schedules, as every node holds them in memory: they change only by applying the log, so that
// any node that is elected goes on exactly where the last leader was.
import type { CommandBatch, FireScheduleCommand } from "../../gen/mesh/v1/command.js";
import type { Schedule, ScheduleState } from "../../gen/mesh/v1/schedule.js";

/** Schedules of a mesh; the leader takes no more. */
export const MAX_SCHEDULES = 10_000;

export interface ScheduleRecord extends Readonly<Omit<ScheduleState, "schedule">> {
  readonly schedule: Schedule;
}

export class ScheduleTable {
  readonly #byName = new Map<string, ScheduleRecord>();
  /** Who deletes a schedule; bounded by the changes that the leader lets be under way. */
  readonly #deletions = new Map<string, (record: ScheduleRecord) => void>();

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
          this.#delete(kind.value.name);
          break;
        case "fireSchedule":
          this.#fired(kind.value);
          break;
        default:
          break;
      }
    }
  }

  /** Calls the listener with the schedule as it is when it is deleted; returns how to end that. */
  onDeleted(name: string, listener: (record: ScheduleRecord) => void): () => void {
    this.#deletions.set(name, listener);
    return () => {
      if (this.#deletions.get(name) === listener) this.#deletions.delete(name);
    };
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

  #delete(name: string): void {
    const record = this.#byName.get(name);
    this.#byName.delete(name);
    if (record !== undefined) this.#deletions.get(name)?.(record);
  }

  #put(index: number, atMs: number, schedule: Schedule, nextAtMs: number | undefined): void {
    const before = this.#byName.get(schedule.name);
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
