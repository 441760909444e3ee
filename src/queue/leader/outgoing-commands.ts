// Commands that wait for the next log entry: proposals that arrive while a write is under way join
// the next batch (group commit).
import type { Command, Finish, OperateCommand, Release } from "../../gen/mesh/v1/command.js";
import type { TaskDefinition } from "../../gen/mesh/v1/task.js";
import type { Fire } from "../schedules/schedule-clock.js";

/** Bounds of one entry: it must fit a few times into one append message. */
const MAX_SUBMITS = 2_000;
const MAX_ENDINGS = 2_000;
/** Calls of clients. */
const MAX_OPERATIONS = 2_000;
/** Occurrences of schedules. */
const MAX_FIRES = 500;
/** Other commands; whoever makes them bounds their size. */
const MAX_OTHERS = 16;
const MAX_TEXT = 512 * 1024;

/** Someone waits to learn under which index a command was committed. */
export interface Waiting {
  readonly resolve: (index: number) => void;
  readonly reject: (error: unknown) => void;
}

interface Waiter<T> {
  readonly value: T;
  readonly waiting: Waiting;
}

/** What one entry takes along. */
export interface Outgoing {
  readonly submits: readonly TaskDefinition[];
  readonly finishes: readonly Finish[];
  readonly releases: readonly Release[];
  /** What clients ask for. */
  readonly operations: readonly OperateCommand[];
  /** Commands of other kinds, as they are. */
  readonly others: readonly Command[];
  readonly waiting: readonly Waiting[];
}

export class OutgoingCommands {
  #submits: Waiter<readonly TaskDefinition[]>[] = [];
  /** Endings are bounded by the slots of the mesh: each ends a running attempt, once. */
  #finishes: Finish[] = [];
  #releases: Release[] = [];
  /** Submissions and operations are bounded by the leader, which refuses more. */
  #operations: Waiter<OperateCommand>[] = [];
  /** Whoever proposes these has a bound of its own: a few, or 256, at a time. */
  #others: Waiter<Command>[] = [];
  /** Bounded by the clock of the schedules. */
  #fires: Fire[] = [];
  #submitCount = 0;

  get empty(): boolean {
    return (
      this.#submits.length === 0 &&
      this.#finishes.length === 0 &&
      this.#releases.length === 0 &&
      this.#operations.length === 0 &&
      this.#fires.length === 0 &&
      this.#others.length === 0
    );
  }

  /** Submitted tasks that wait for an entry. */
  get submitCount(): number {
    return this.#submitCount;
  }

  /** Operations that wait for an entry. */
  get operationCount(): number {
    return this.#operations.length;
  }

  /** Occurrences that wait for an entry. */
  get fireCount(): number {
    return this.#fires.length;
  }

  /** Resolves with the index of the entry that holds them all. At most MAX_SUBMITS tasks. */
  submit(tasks: readonly TaskDefinition[]): Promise<number> {
    this.#submitCount += tasks.length;
    return wait(this.#submits, tasks);
  }

  operate(operate: OperateCommand): Promise<number> {
    return wait(this.#operations, operate);
  }

  other(command: Command): Promise<number> {
    return wait(this.#others, command);
  }

  /** Each goes whole into one entry. */
  fire(fires: readonly Fire[]): void {
    this.#fires.push(...fires);
  }

  dropFires(schedule: string): void {
    this.#fires = this.#fires.filter(({ command }) => command.name !== schedule);
  }

  finish(finish: Finish): void {
    this.#finishes.push(finish);
  }

  release(release: Release): void {
    this.#releases.push(release);
  }

  /** Takes what fits into one entry, oldest first. */
  take(): Outgoing {
    const submits = this.#takeSubmits();
    const operations = this.#takeOperations();
    const others = this.#others.splice(0, MAX_OTHERS);
    const fires = this.#takeFires();
    return {
      submits: [...submits.flatMap(({ value }) => value), ...fires.map(({ task }) => task)],
      finishes: this.#takeFinishes(),
      releases: this.#releases.splice(0, MAX_ENDINGS),
      operations: operations.map(({ value }) => value),
      others: [...others.map(({ value }) => value), ...fires.map(fireCommand)],
      waiting: [...submits, ...operations, ...others].map(({ waiting }) => waiting),
    };
  }

  /** Everything that still waits is refused. */
  rejectAll(error: unknown): void {
    const waiters = [...this.#submits, ...this.#operations, ...this.#others];
    for (const { waiting } of waiters) waiting.reject(error);
    this.#submits = [];
    this.#submitCount = 0;
    this.#operations = [];
    this.#others = [];
    this.#fires = [];
    this.#finishes = [];
    this.#releases = [];
  }

  #takeSubmits(): Waiter<readonly TaskDefinition[]>[] {
    let taken = 0;
    let tasks = 0;
    let text = 0;
    for (const { value } of this.#submits) {
      tasks += value.length;
      for (const task of value) text += textOfTask(task);
      if (taken > 0 && (tasks > MAX_SUBMITS || text > MAX_TEXT)) break;
      taken += 1;
    }
    const submits = this.#submits.splice(0, taken);
    for (const { value } of submits) this.#submitCount -= value.length;
    return submits;
  }

  #takeFires(): Fire[] {
    return takeWithin(this.#fires, MAX_FIRES, ({ task }) => textOfTask(task));
  }

  #takeFinishes(): Finish[] {
    return takeWithin(this.#finishes, MAX_ENDINGS, textOfFinish);
  }

  #takeOperations(): Waiter<OperateCommand>[] {
    return takeWithin(this.#operations, MAX_OPERATIONS, ({ value }) => textOfOperation(value));
  }
}

/** Splits submissions so that each part fits one entry. */
export function splitForEntries(
  tasks: readonly TaskDefinition[],
): readonly (readonly TaskDefinition[])[] {
  const parts: TaskDefinition[][] = [];
  let part: TaskDefinition[] = [];
  let text = 0;
  for (const task of tasks) {
    if (part.length > 0 && (part.length >= MAX_SUBMITS || text + textOfTask(task) > MAX_TEXT)) {
      parts.push(part);
      part = [];
      text = 0;
    }
    part.push(task);
    text += textOfTask(task);
  }
  if (part.length > 0) parts.push(part);
  return parts;
}

/** The commands of an entry, in the order in which they are applied; assignments come last. */
export function commandsOf(outgoing: Outgoing): Command[] {
  const commands: Command[] = [];
  const { submits, finishes, releases, operations, others } = outgoing;
  if (submits.length > 0) {
    commands.push({ kind: { $case: "submit", value: { tasks: [...submits] } } });
  }
  if (finishes.length > 0) {
    commands.push({ kind: { $case: "finish", value: { outcomes: [...finishes] } } });
  }
  if (releases.length > 0) {
    commands.push({ kind: { $case: "release", value: { releases: [...releases] } } });
  }
  for (const value of operations) commands.push({ kind: { $case: "operate", value } });
  commands.push(...others);
  return commands;
}

function fireCommand({ command }: Fire): Command {
  return { kind: { $case: "fireSchedule", value: command } };
}

/** Length of what the client chose. */
function textOfTask(task: TaskDefinition): number {
  const { data, type, requires, idempotencyKey, traceparent, uniqueKey, after } = task;
  const names = [...requires, ...after].reduce((sum, name) => sum + name.length, 0);
  const keys = idempotencyKey.length + uniqueKey.length;
  return data.length + type.length + names + keys + traceparent.length;
}

/** Length of what the handler returned or threw. */
function textOfFinish({ outcome }: Finish): number {
  if (outcome === undefined) return 0;
  if (outcome.$case === "completed") return outcome.value.length;
  const { error } = outcome.value;
  return error === undefined ? 0 : error.name.length + error.message.length + error.stack.length;
}

/** Length of what the client chose. */
function textOfOperation({ operation, command, note }: OperateCommand): number {
  const own = (operation?.id.length ?? 0) + (operation?.fingerprint.length ?? 0) + note.length;
  const kind = command?.kind;
  switch (kind?.$case) {
    case "cancel":
    case "retry":
    case "drop":
      return kind.value.taskIds.reduce((sum, id) => sum + id.length, own);
    case "putSchedule": {
      const task = kind.value.schedule?.task;
      return own + (task === undefined ? 0 : textOfTask(task));
    }
    default:
      return own;
  }
}

/** Takes the oldest that fit: at most so many, and one at least. */
function takeWithin<T>(queue: T[], maxCount: number, textOf: (one: T) => number): T[] {
  let taken = 0;
  let text = 0;
  for (const one of queue) {
    text += textOf(one);
    if (taken > 0 && (taken >= maxCount || text > MAX_TEXT)) break;
    taken += 1;
  }
  return queue.splice(0, taken);
}

function wait<T>(queue: Waiter<T>[], value: T): Promise<number> {
  return new Promise((resolve, reject) => {
    queue.push({ value, waiting: { resolve, reject } });
  });
}
