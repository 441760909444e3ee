// Redis as the leader sees it, in memory: applies entries in order, goes down, loses answers and
// writes, and says what it was told. The rules of the commands in a few lines.
import type { Command, Finish } from "../../src/gen/mesh/v1/command.js";
import { AttemptOutcome, type TaskDefinition, TaskStatus } from "../../src/gen/mesh/v1/task.js";
import type { LeaderReader } from "../../src/queue/leader/leader.js";
import {
  pendingFromDefinition,
  type StoredPendingTask,
} from "../../src/queue/task/pending-task.js";
import type { StoredDeadlines, EndedTasks } from "../../src/queue/redis/reader.js";
import type { ApplyOutcome } from "../../src/queue/redis/apply-outcome.js";
import type { CommittedEntry } from "../../src/queue/state/committed-entry.js";
import {
  AppliedIndexMismatch,
  RedisBehind,
  RedisUnavailable,
} from "../../src/queue/redis/errors.js";
import { deadlineAtMs } from "../../src/queue/state/definition-rules.js";
import { taskSequence } from "../../src/queue/state/task-sequence.js";
import type { Applier } from "../../src/queue/leader/redis-sync.js";
import { turns } from "./queue-fixtures.js";

interface Stored {
  readonly definition: TaskDefinition;
  readonly sequence: number;
  status: TaskStatus;
  attempts: number;
  losses: number;
  lapses: number;
  runAtMs: number;
  fence: number;
  /** 0 for none. */
  deadlineAtMs: number;
}

type State = Map<string, Stored>;

/** The state of all tasks after a log. */
export class TaskStates {
  tasks: State = new Map();
  index = 0;

  /** What applying the entry tells. */
  apply({ index, batch }: CommittedEntry): ApplyOutcome {
    const told = {
      index,
      duplicates: [] as { id: string; existingId: string }[],
      stale: [] as string[],
      cancelled: [],
      retried: [] as ApplyOutcome["retried"][number][],
      promoted: [] as StoredPendingTask[],
      contradictions: [] as { id: string; reason: string }[],
      settling: [],
    };
    this.index = index;
    const atMs = batch?.atMs ?? 0;
    for (const { kind } of batch?.commands ?? []) this.#command(index, atMs, kind, told);
    const promoted = told.promoted.filter(({ id }) => {
      return this.tasks.get(id)?.status === TaskStatus.PENDING;
    });
    return { ...told, promoted } as unknown as ApplyOutcome;
  }

  pending(id: string): StoredPendingTask | undefined {
    const task = this.tasks.get(id);
    if (task === undefined) return undefined;
    const { definition, sequence, attempts, losses, lapses, runAtMs, deadlineAtMs } = task;
    const pending = pendingFromDefinition(definition, sequence);
    return { ...pending, attempts, losses, lapses, runAtMs, deadlineAtMs };
  }

  /** The task that has the unique key and has not ended. */
  holder(key: string): string | undefined {
    if (key === "") return undefined;
    const held = [...this.tasks].find(([, { definition, status }]) => {
      return definition.uniqueKey === key && !ENDED.has(status);
    });
    return held?.[0];
  }

  #command(
    index: number,
    atMs: number,
    kind: Command["kind"],
    told: {
      duplicates: { id: string; existingId: string }[];
      retried: ApplyOutcome["retried"][number][];
      promoted: StoredPendingTask[];
      contradictions: { id: string; reason: string }[];
    },
  ): void {
    switch (kind?.$case) {
      case "submit":
        kind.value.tasks.forEach((definition, position) => {
          const { id, runAtMs } = definition;
          if (this.tasks.has(id)) return told.duplicates.push({ id, existingId: id });
          const holder = this.holder(definition.uniqueKey);
          if (holder !== undefined) return told.duplicates.push({ id, existingId: holder });
          const status = runAtMs <= atMs ? TaskStatus.PENDING : TaskStatus.SCHEDULED;
          const sequence = taskSequence(index, position);
          const deadline = deadlineAtMs(definition);
          const fresh = { attempts: 0, losses: 0, lapses: 0, fence: 0, deadlineAtMs: deadline };
          this.tasks.set(id, { definition, sequence, status, runAtMs, ...fresh });
          const pending = this.pending(id);
          const isNews = definition.uniqueKey !== "" && status === TaskStatus.PENDING;
          return pending !== undefined && isNews && told.promoted.push(pending);
        });
        return;
      case "assign":
        for (const { taskId, attempt } of kind.value.assignments) {
          const task = this.tasks.get(taskId);
          if (task?.status !== TaskStatus.PENDING) {
            told.contradictions.push({ id: taskId, reason: `status ${task?.status ?? "none"}` });
            continue;
          }
          Object.assign(task, { status: TaskStatus.RUNNING, attempts: attempt, fence: index });
        }
        return;
      case "finish":
        for (const finish of kind.value.outcomes) this.#finish(finish);
        return;
      case "release":
        for (const { taskId, fence, reason, runAtMs } of kind.value.releases) {
          const task = this.#running(taskId, fence);
          if (task === undefined) continue;
          task.status = runAtMs > atMs ? TaskStatus.SCHEDULED : TaskStatus.PENDING;
          if (runAtMs > atMs) task.runAtMs = runAtMs;
          task.attempts -= 1;
          if (reason === AttemptOutcome.LOST) task.losses += 1;
          if (reason === AttemptOutcome.LAPSED) task.lapses += 1;
        }
        return;
      case "cancel":
        for (const id of kind.value.taskIds) {
          const task = this.tasks.get(id);
          if (task !== undefined && !ENDED.has(task.status)) task.status = TaskStatus.CANCELLED;
        }
        return;
      case "retry":
        for (const id of kind.value.taskIds) {
          const task = this.tasks.get(id);
          if (task?.status !== TaskStatus.DEAD && task?.status !== TaskStatus.CANCELLED) continue;
          if (this.holder(task.definition.uniqueKey) !== undefined) continue;
          const fresh = { attempts: 0, losses: 0, lapses: 0, deadlineAtMs: 0 };
          Object.assign(task, { status: TaskStatus.PENDING, ...fresh });
          const pending = this.pending(id);
          if (pending !== undefined) told.retried.push({ id, result: "pending", task: pending });
        }
        return;
      case "promote":
        for (const [id, task] of this.#due(atMs).slice(0, kind.value.limit)) {
          task.status = TaskStatus.PENDING;
          const pending = this.pending(id);
          if (pending !== undefined) told.promoted.push(pending);
        }
        return;
      case "drop":
        for (const id of kind.value.taskIds) {
          if (this.tasks.get(id)?.status === TaskStatus.DEAD) this.tasks.delete(id);
        }
        return;
      case "overdue":
        for (const id of kind.value.taskIds) {
          const task = this.tasks.get(id);
          if (task === undefined || ENDED.has(task.status)) continue;
          const { deadlineAtMs } = task;
          const pending = task.status === TaskStatus.PENDING ? this.pending(id) : undefined;
          if (deadlineAtMs > 0 && deadlineAtMs <= atMs) task.status = TaskStatus.DEAD;
          else if (pending !== undefined) told.promoted.push(pending);
        }
        return;
      case "settle":
      case "expire":
      case "putSchedule":
      case "deleteSchedule":
      case "fireSchedule":
      case "drainNode":
      case "configureQueue":
      case "activateVersion":
      case undefined:
    }
  }

  #finish({ taskId, fence, outcome }: Finish): void {
    const task = this.#running(taskId, fence);
    if (task === undefined || outcome === undefined) return;
    if (outcome.$case === "completed") task.status = TaskStatus.COMPLETED;
    if (outcome.$case === "dead") task.status = TaskStatus.DEAD;
    if (outcome.$case === "retry") {
      Object.assign(task, { status: TaskStatus.SCHEDULED, runAtMs: outcome.value.runAtMs });
    }
  }

  #running(id: string, fence: number): Stored | undefined {
    const task = this.tasks.get(id);
    return task?.status === TaskStatus.RUNNING && task.fence === fence ? task : undefined;
  }

  #due(atMs: number): (readonly [string, Stored])[] {
    return [...this.tasks]
      .filter(([, task]) => task.status === TaskStatus.SCHEDULED && task.runAtMs <= atMs)
      .sort(([, a], [, b]) => a.runAtMs - b.runAtMs);
  }
}

export const ENDED: ReadonlySet<TaskStatus> = new Set([
  TaskStatus.COMPLETED,
  TaskStatus.DEAD,
  TaskStatus.CANCELLED,
]);

export class SimulatedRedis implements Applier, LeaderReader {
  down = false;
  /** The next calls are done, and their answers lost. */
  answersToLose = 0;
  /** Reads are answered by another server, which stands still at that entry; undefined: by this one. */
  readsAt: number | undefined;
  readonly #states = new TaskStates();
  /** State after each entry, so that writes can be lost. */
  readonly #history = new Map<number, State>([[0, new Map()]]);

  get index(): number {
    return this.#states.index;
  }

  /** Redis wakes up with the writes after `index` lost. */
  forgetAfter(index: number): void {
    const back = Math.min(index, this.#states.index);
    this.#states.tasks = structuredClone(this.#history.get(back) ?? new Map<string, Stored>());
    this.#states.index = back;
  }

  appliedIndex(): Promise<number> {
    return this.#call(() => this.#states.index);
  }

  prove(): Promise<void> {
    return this.#call(() => undefined);
  }

  apply(entries: readonly CommittedEntry[]): Promise<readonly ApplyOutcome[]> {
    return this.#call(() => {
      const first = entries[0]?.index ?? 0;
      if (first !== this.#states.index + 1) {
        throw new AppliedIndexMismatch(this.#states.index, first - 1);
      }
      return entries.map((entry) => {
        const outcome = this.#states.apply(entry);
        this.#history.set(entry.index, structuredClone(this.#states.tasks));
        return outcome;
      });
    });
  }

  /** As the server has it that answers reads. */
  get #shown(): TaskStates {
    if (this.readsAt === undefined) return this.#states;
    const shown = new TaskStates();
    shown.index = this.readsAt;
    shown.tasks = this.#history.get(this.readsAt) ?? shown.tasks;
    return shown;
  }

  async reflecting<T>(index: number, read: () => Promise<T>): Promise<T> {
    const shown = this.#shown.index;
    if (shown < index) throw new RedisBehind(shown, index);
    return read();
  }

  pendingQueues() {
    return this.#call(() =>
      [...this.#shown.tasks.values()]
        .filter(({ status }) => status === TaskStatus.PENDING)
        .map(({ definition: { queue, priority } }) => ({ queue, priority })),
    );
  }

  pendingHead(head: {
    readonly queue: string;
    readonly priority: number;
    readonly afterSequence: number;
    readonly limit: number;
  }): Promise<readonly StoredPendingTask[]> {
    return this.#call(() =>
      [...this.#shown.tasks]
        .filter(
          ([, { status, sequence, definition }]) =>
            status === TaskStatus.PENDING &&
            definition.queue === head.queue &&
            definition.priority === head.priority &&
            sequence > head.afterSequence,
        )
        .sort(([, a], [, b]) => a.sequence - b.sequence)
        .slice(0, head.limit)
        .flatMap(([id]) => this.#shown.pending(id) ?? []),
    );
  }

  nextScheduledAtMs(): Promise<number | undefined> {
    return this.#call(() => {
      const times = [...this.#shown.tasks.values()]
        .filter(({ status }) => status === TaskStatus.SCHEDULED)
        .map(({ runAtMs }) => runAtMs);
      return times.length === 0 ? undefined : Math.min(...times);
    });
  }

  deadlines(nowMs: number, limit: number): Promise<StoredDeadlines> {
    return this.#call(() => {
      const live = [...this.#shown.tasks]
        .filter(([, { status, deadlineAtMs }]) => deadlineAtMs > 0 && !ENDED.has(status))
        .sort(([, a], [, b]) => a.deadlineAtMs - b.deadlineAtMs);
      const overdue = live.filter(([, { deadlineAtMs }]) => deadlineAtMs <= nowMs);
      const next = live[overdue.length]?.[1].deadlineAtMs;
      return { overdue: overdue.slice(0, limit).map(([id]) => id), nextMs: next };
    });
  }

  isSettling(): Promise<boolean> {
    return this.#call(() => false);
  }

  holders(keys: readonly string[]): Promise<ReadonlyMap<string, string>> {
    return this.#call(() => {
      return new Map(
        keys
          .map((key) => [key, this.#shown.holder(key) ?? ""] as const)
          .filter(([, id]) => id !== ""),
      );
    });
  }

  ended(): Promise<readonly EndedTasks[]> {
    return this.#call(() => []);
  }

  getTask(): Promise<undefined> {
    return this.#call(() => undefined);
  }

  existing(ids: readonly string[]): Promise<ReadonlySet<string>> {
    return this.#call(() => new Set(ids.filter((id) => this.#shown.tasks.has(id))));
  }

  idempotent(): Promise<ReadonlyMap<string, string>> {
    return this.#call(() => new Map<string, string>());
  }

  async #call<T>(work: () => T): Promise<T> {
    await turns(1);
    if (this.down) throw new RedisUnavailable(new Error("down"));
    const answer = work();
    await turns(1);
    if (this.answersToLose > 0) {
      this.answersToLose -= 1;
      throw new RedisUnavailable(new Error("timeout"));
    }
    return answer;
  }
}
