// Occurrences become submissions: each once, whoever leads, and none while a change is on its way.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { CommandBatch } from "../../../src/gen/mesh/v1/command.js";
import { MisfirePolicy, type Schedule } from "../../../src/gen/mesh/v1/schedule.js";
import { type Fire, ScheduleClock } from "../../../src/queue/schedules/schedule-clock.js";
import { ScheduleTable } from "../../../src/queue/state/schedule-table.js";
import { taskDefinition } from "../../support/queue-fixtures.js";

const START = Date.parse("2026-01-10T00:00:00Z");
const SECOND = 1_000;

/** One log's table, and the leaders that it has one after another. */
class Log {
  readonly table = new ScheduleTable();
  readonly fires: Fire[] = [];
  waiting = 0;
  #index = 0;
  #clock: ScheduleClock | undefined;

  put(schedule: Partial<Schedule>, nextAtMs: number | undefined): void {
    const whole = {
      name: "s",
      cron: "* * * * * *",
      timezone: "UTC",
      task: taskDefinition(""),
      paused: false,
      misfire: MisfirePolicy.ONCE,
      ...schedule,
    };
    this.apply({ $case: "putSchedule", value: { schedule: whole, nextAtMs } });
  }

  apply(kind: NonNullable<CommandBatch["commands"][number]["kind"]>): void {
    const batch = CommandBatch.decode(
      CommandBatch.encode({ atMs: Date.now(), commands: [{ kind }] }).finish(),
    );
    this.table.apply((this.#index += 1), batch);
  }

  /** A leader whose proposals are committed, or lost, as `commit` says. */
  elect(commit: (fire: Fire) => boolean = () => true): ScheduleClock {
    this.#clock?.stop();
    this.#clock = new ScheduleClock({
      table: this.table,
      now: () => Date.now(),
      waiting: () => this.waiting,
      fire: (fires) => {
        for (const fire of fires) {
          if (!commit(fire)) continue;
          this.fires.push(fire);
          this.apply({ $case: "fireSchedule", value: fire.command });
        }
      },
    });
    this.#clock.start();
    return this.#clock;
  }

  /** Occurrences for which a task was kept, in seconds from the start. */
  occurrences(name = "s"): number[] {
    const own = this.fires.filter(({ command }) => command.name === name);
    return own.map(({ command }) => (command.firedAtMs - START) / SECOND);
  }
}

let log: Log;
beforeEach(() => {
  vi.useFakeTimers({ now: START });
  log = new Log();
});
afterEach(() => vi.useRealTimers());

const pass = (seconds: number): Promise<unknown> => vi.advanceTimersByTimeAsync(seconds * SECOND);

describe("the clock of the schedules", () => {
  test("submits each occurrence at its time, as a task that names the schedule", async () => {
    log.put({}, START + SECOND);
    log.elect();

    await pass(3);

    expect(log.occurrences()).toEqual([1, 2, 3]);
    expect(log.fires[0]?.task).toMatchObject({
      schedule: "s",
      createdAtMs: START + SECOND,
      runAtMs: START + SECOND,
    });
    expect(new Set(log.fires.map(({ task }) => task.id)).size).toBe(3);
    expect(log.table.get("s")).toMatchObject({
      fired: 3,
      lastFiredAtMs: START + 3 * SECOND,
      nextAtMs: START + 4 * SECOND,
      lastTaskId: log.fires.at(-1)?.task.id,
    });
  });

  test("goes on at another leader where the log ends, without gap or repeat", async () => {
    log.put({}, START + SECOND);
    log.elect(({ command }) => command.firedAtMs <= START + 2 * SECOND);
    await pass(5);

    log.elect();
    await pass(2);

    expect(log.occurrences()).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  test.each([
    // The first missed one stands for all that are older than a minute.
    [MisfirePolicy.ONCE, [1, ...range(60, 120)]],
    [MisfirePolicy.SKIP, range(60, 120)],
  ])("makes up for what was missed as the policy says (%s)", async (misfire, expected) => {
    log.put({ misfire }, START + SECOND);
    await pass(120);

    log.elect();
    await pass(0);

    expect(log.occurrences()).toEqual(expected);
  });

  test("submits nothing while paused, and nothing that has no time any more", async () => {
    log.put({ name: "paused", paused: true }, undefined);
    log.put({ name: "over" }, undefined);
    log.elect();

    await pass(10);

    expect(log.fires).toEqual([]);
  });

  test("submits nothing of a schedule whose change is on its way", async () => {
    log.put({}, START + SECOND);
    log.put({ name: "other" }, START + SECOND);
    const clock = log.elect();
    clock.hold("s");
    await pass(3);

    log.put({ cron: "*/10 * * * * *" }, START + 10 * SECOND);
    clock.changed("s");
    await pass(7);

    expect(log.occurrences()).toEqual([10]);
    expect(log.occurrences("other")).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  test("submits nothing again where a change that is on its way changes nothing", async () => {
    log.put({}, START + SECOND);
    const proposed: Fire[] = [];
    const clock = log.elect((fire) => {
      // Not applied yet.
      proposed.push(fire);
      return false;
    });
    await pass(1);
    for (let change = 0; change < 2; change += 1) {
      clock.hold("s");
      clock.changed("s");
    }
    await pass(1);

    expect(proposed.map(({ command }) => (command.firedAtMs - START) / SECOND)).toEqual([1, 2]);
  });

  test("ignores a note of an older revision", () => {
    log.put({}, START + SECOND);
    log.put({ cron: "*/5 * * * * *" }, START + 5 * SECOND);

    log.apply({
      $case: "fireSchedule",
      value: { name: "s", revision: 1, firedAtMs: START, taskId: "t", nextAtMs: START },
    });

    expect(log.table.get("s")).toMatchObject({ fired: 0, nextAtMs: START + 5 * SECOND });
  });

  test("waits while the log takes nothing, and makes up for it", async () => {
    log.put({}, START + SECOND);
    log.waiting = 1_000;
    log.elect();
    await pass(3);
    expect(log.fires).toEqual([]);

    log.waiting = 0;
    await pass(1);

    expect(log.occurrences()).toEqual([1, 2, 3, 4]);
  });

  test("keeps a long list of schedules on time", async () => {
    const names = Array.from({ length: 500 }, (_, at) => `s${at}`);
    for (const name of names) log.put({ name, cron: "0 * * * * *" }, START + 60 * SECOND);
    log.elect();

    await pass(61);

    expect(new Set(log.fires.map(({ command }) => command.name)).size).toBe(500);
    expect(log.fires).toHaveLength(500);
  });
});

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, at) => from + at);
}
