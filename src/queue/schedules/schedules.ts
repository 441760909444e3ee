// Schedules as the leader manages them for one term: checked, put into the log, and kept on time.
import { ulid } from "ulid";
import type { Command } from "../../gen/mesh/v1/command.js";
import type { Operation } from "../../gen/mesh/v1/operation.js";
import { MisfirePolicy, type Schedule, type ScheduleState } from "../../gen/mesh/v1/schedule.js";
import {
  type DeleteScheduleRequest,
  DeleteScheduleResponse,
  type ListSchedulesRequest,
  type ListSchedulesResponse,
  type PutScheduleRequest,
  PutScheduleResponse,
} from "../../gen/mesh/v1/schedule_service.js";
import type { TaskDefinition } from "../../gen/mesh/v1/task.js";
import type { SubmitTaskRequest } from "../../gen/mesh/v1/task_service.js";
import { QueueError, requireThat } from "../errors.js";
import { isName, NAME_RULE } from "../../input/name-rule.js";
import { nextOccurrence } from "./cron.js";
import { type Fire, ScheduleClock } from "./schedule-clock.js";
import { MAX_SCHEDULES, type ScheduleTable } from "../state/schedule-table.js";

/** All schedules together must fit the memory of every node, and an entry many of them. */
const MAX_DATA_BYTES = 64 * 1024;
const MAX_LISTED = 1_000;
const DEFAULT_LISTED = 100;
/** Changes of schedules that wait for the log. */
const MAX_CHANGES_UNDER_WAY = 256;
const RETRY_AFTER_MS = 1_000;

/** The leader's end of the log, as schedules use it. */
export interface ScheduleProposer {
  /** Occurrences that `fire` took and that are in no entry yet. */
  readonly waitingFires: number;
  /** Proposes them, each whole in one entry, in this order. */
  fire(fires: readonly Fire[]): void;
  /** Occurrences of the schedule that are in no entry yet will be in none. */
  dropFires(name: string): void;
}

/** The leader's operations, as schedules use them. */
export interface ScheduleOperations {
  /** Resolves once the command is applied to the table, with what it answered the first time. */
  run(operation: Operation | undefined, kind: NonNullable<Command["kind"]>): Promise<Operated>;
  /** As `run`, for a call that is refused now. @throws the error */
  refuse(operation: Operation | undefined, error: QueueError): Promise<Operated>;
}

interface Operated {
  readonly known: { readonly answer: Uint8Array };
}

export interface TaskTemplates {
  /** A task with every default resolved. @throws QueueError "invalid_field", "unknown_type" */
  define(request: SubmitTaskRequest): Promise<TaskDefinition>;
}

export interface SchedulesParts {
  readonly table: ScheduleTable;
  readonly now: () => number;
  readonly proposer: ScheduleProposer;
  readonly operations: ScheduleOperations;
  readonly templates: TaskTemplates;
}

export class Schedules {
  readonly #parts: SchedulesParts;
  readonly #clock: ScheduleClock;
  /** The last change of each schedule that is under way: the next one waits for it. */
  readonly #changes = new Map<string, Promise<unknown>>();

  constructor(parts: SchedulesParts) {
    this.#parts = parts;
    const { table, now, proposer } = parts;
    this.#clock = new ScheduleClock({
      ...{ table, now },
      fire: (fires) => proposer.fire(fires),
      waiting: () => proposer.waitingFires,
    });
  }

  start(): void {
    this.#clock.start();
  }

  stop(): void {
    this.#clock.stop();
  }

  /**
   * One that is as asked for already goes on as it is.
   * @throws QueueError "invalid_field", "unknown_type", "too_many_items", "overloaded"
   */
  async put(request: PutScheduleRequest): Promise<PutScheduleResponse> {
    const { name, operation } = request;
    requireThat(isName(name), "name", NAME_RULE);
    const { operations, now } = this.#parts;
    let schedule: Schedule;
    try {
      schedule = await this.#define(request);
    } catch (error) {
      if (!(error instanceof QueueError) || error.code === "not_leader") throw error;
      return putAnswer(await operations.refuse(operation, error));
    }
    const { cron, timezone, paused } = schedule;
    return this.#inTurn(name, async () => {
      const nextAtMs = paused ? undefined : nextOccurrence(cron, timezone, now());
      const command = { $case: "putSchedule", value: { schedule, nextAtMs } } as const;
      return putAnswer(await operations.run(operation, command));
    });
  }

  /** @throws QueueError "not_found" */
  get(name: string): ScheduleState {
    const record = this.#parts.table.get(name);
    if (record === undefined) throw notFound(name);
    return record;
  }

  /** A page of schedules, by name. @throws QueueError "invalid_field" */
  list({ limit, after }: ListSchedulesRequest): ListSchedulesResponse {
    if (limit > MAX_LISTED) {
      const message = `limit must be at most ${MAX_LISTED}`;
      throw new QueueError("invalid_field", message, { field: "limit" });
    }
    const all = this.#parts.table.toSnapshot().filter(({ schedule }) => nameOf(schedule) > after);
    all.sort((a, b) => (nameOf(a.schedule) < nameOf(b.schedule) ? -1 : 1));
    const schedules = all.slice(0, limit === 0 ? DEFAULT_LISTED : limit);
    const isWhole = schedules.length === all.length;
    return { schedules, nextAfter: isWhole ? "" : nameOf(schedules.at(-1)?.schedule) };
  }

  /**
   * The schedule as it was when it went: every occurrence that was on its way is counted in it, and no
   * other one comes after.
   *
   * @throws QueueError "not_found"
   */
  delete({ name, operation }: DeleteScheduleRequest): Promise<ScheduleState> {
    return this.#inTurn(name, async () => {
      const { operations, proposer } = this.#parts;
      proposer.dropFires(name);
      const command = { $case: "deleteSchedule", value: { name } } as const;
      const { known } = await operations.run(operation, command);
      const { schedule } = DeleteScheduleResponse.decode(known.answer);
      if (schedule === undefined) throw notFound(name);
      return schedule;
    });
  }

  /** Changes of one schedule follow one another, and nothing of it is submitted meanwhile. */
  #inTurn<T>(name: string, change: () => Promise<T>): Promise<T> {
    if (this.#changes.size >= MAX_CHANGES_UNDER_WAY) {
      const message = "too many changes of schedules are under way";
      throw new QueueError("overloaded", message, { retryAfterMs: RETRY_AFTER_MS });
    }
    const done = this.#afterOthers(name, change);
    this.#changes.set(name, done);
    const settled = (): void => {
      if (this.#changes.get(name) !== done) return;
      this.#changes.delete(name);
      this.#clock.changed(name);
    };
    done.then(settled, settled);
    return done;
  }

  async #afterOthers<T>(name: string, change: () => Promise<T>): Promise<T> {
    const others = this.#changes.get(name);
    this.#clock.hold(name);
    await others?.catch(() => undefined);
    return change();
  }

  async #define(request: PutScheduleRequest): Promise<Schedule> {
    const { name, cron, timezone, task, paused, misfire } = request;
    if (task === undefined) {
      throw new QueueError("invalid_field", "task must say what is submitted", { field: "task" });
    }
    const zone = timezone === "" ? "UTC" : timezone;
    const schedule = {
      name,
      cron,
      timezone: zone,
      task: await this.#template(task),
      paused,
      misfire: misfire === MisfirePolicy.SKIP ? MisfirePolicy.SKIP : MisfirePolicy.ONCE,
    };
    if (nextOccurrence(cron, zone, this.#parts.now()) === undefined) {
      throw new QueueError("invalid_field", "cron never comes true", { field: "cron" });
    }
    return schedule;
  }

  async #template(request: SubmitTaskRequest): Promise<TaskDefinition> {
    const { id, delayMs, runAtMs, idempotencyKey, after, data } = request;
    const own = { id: id !== "", delayMs: delayMs !== undefined, runAt: runAtMs !== undefined };
    for (const [field, isGiven] of Object.entries({
      ...own,
      idempotencyKey: idempotencyKey !== "",
    })) {
      if (isGiven) throw inTask(field, "cannot be given: each occurrence has its own");
    }
    if (after.length > 0) {
      throw inTask(
        "after",
        "makes no sense: each occurrence would wait for tasks that have long ended",
      );
    }
    if (Buffer.byteLength(data) > MAX_DATA_BYTES) {
      throw inTask("data", `must have at most ${MAX_DATA_BYTES} bytes as JSON`);
    }
    try {
      const definition = await this.#parts.templates.define({ ...request, id: ulid() });
      return { ...definition, id: "", createdAtMs: 0, runAtMs: 0 };
    } catch (error) {
      if (!(error instanceof QueueError) || error.field === undefined) throw error;
      const field = `task.${error.field}`;
      throw new QueueError(error.code, error.message, { field, cause: error });
    }
  }
}

/** @throws QueueError "too_many_items" where there was no room for it */
function putAnswer({ known }: Operated): PutScheduleResponse {
  const answer = PutScheduleResponse.decode(known.answer);
  if (answer.schedule !== undefined) return answer;
  const message = `there are ${MAX_SCHEDULES} schedules, and no more are taken: delete some`;
  throw new QueueError("too_many_items", message, { field: "name" });
}

function nameOf(schedule: Schedule | undefined): string {
  return schedule?.name ?? "";
}

function inTask(field: string, message: string): QueueError {
  return new QueueError("invalid_field", `task.${field} ${message}`, { field: `task.${field}` });
}

function notFound(name: string): QueueError {
  return new QueueError("not_found", `there is no schedule ${name}`, { field: "name" });
}
