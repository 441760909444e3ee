// The states of all tasks after a log, in memory: the rules of the commands in a few lines.
import type { Command, Finish, OperateCommand } from "../../src/gen/mesh/v1/command.js";
import { AttemptOutcome, type TaskDefinition, TaskStatus } from "../../src/gen/mesh/v1/task.js";
import {
  pendingFromDefinition,
  type StoredPendingTask,
} from "../../src/queue/task/pending-task.js";
import type { ApplyOutcome } from "../../src/queue/redis/apply-outcome.js";
import type { CommittedEntry } from "../../src/queue/state/committed-entry.js";
import { deadlineAtMs } from "../../src/queue/state/definition-rules.js";
import { taskSequence } from "../../src/queue/state/task-sequence.js";

export interface Stored {
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

export type State = Map<string, Stored>;

/** The state of all tasks after a log. */
export class TaskStates {
  tasks: State = new Map();
  /** Until when each is known. */
  operations = new Map<string, number>();
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
    for (const { kind } of batch?.commands ?? []) {
      if (kind?.$case !== "operate") this.#command(index, atMs, kind, told);
      else if (this.#begins(kind.value, atMs)) {
        this.#command(index, atMs, kind.value.command?.kind, told);
      }
    }
    const promoted = told.promoted.filter(({ id }) => {
      return this.tasks.get(id)?.status === TaskStatus.PENDING;
    });
    return { ...told, promoted } as unknown as ApplyOutcome;
  }

  /** Whether an operation takes effect: once, and in time. */
  #begins({ operation }: OperateCommand, atMs: number): boolean {
    if (operation === undefined) return false;
    const { id, expiresAtMs } = operation;
    const untilMs = this.operations.get(id) ?? 0;
    if (untilMs > atMs || expiresAtMs > atMs) {
      this.operations.set(id, Math.max(untilMs, expiresAtMs));
    }
    return untilMs <= atMs && expiresAtMs > atMs;
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
      case "transfer":
      case "operate":
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
