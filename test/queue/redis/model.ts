// The states of tasks as the rules of the commands say, in a few lines: what Redis must agree with.
import type { Kind } from "./applied-log.js";
import type { ExpireCommand } from "../../../src/gen/mesh/v1/command.js";
import {
  AttemptOutcome,
  OnDependencyFailure,
  type TaskDefinition,
  TaskStatus,
} from "../../../src/gen/mesh/v1/task.js";
import { deadlineAtMs } from "../../../src/queue/state/definition-rules.js";

export interface ModelTask {
  status: TaskStatus;
  attempts: number;
  losses: number;
  lapses: number;
  runAtMs: number;
  fence: number;
  workerId: string;
  ended: number;
  /** When it reached its end. */
  endedAtMs: number;
  /** 0 for none. */
  deadlineAtMs: number;
  uniqueKey: string;
  waitsFor: string[];
  cancels: boolean;
}

const OPEN = [TaskStatus.SCHEDULED, TaskStatus.PENDING, TaskStatus.RUNNING];

/** Whether nothing holds back a scheduled task. */
export function isDue({ runAtMs, waitsFor }: ModelTask, atMs: number): boolean {
  return runAtMs <= atMs && waitsFor.length === 0;
}

export class TaskModel {
  readonly tasks = new Map<string, ModelTask>();
  readonly #keys = new Map<string, { untilMs: number; id: string }>();
  /** Until when each is known. */
  readonly #operations = new Map<string, number>();
  /** Tasks for which others waited at some time. */
  readonly #awaited = new Set<string>();
  /** Tasks that have ended and whose dependents do not know it, and whether they completed. */
  readonly settling = new Map<string, boolean>();
  readonly #promoted: string[] = [];
  /** Everything told, in order, as text. */
  readonly told: string[] = [];

  readonly #windowMs: number;

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /** After the commands of an entry: what became pending and still is. */
  closeEntry(): void {
    for (const id of this.#promoted.splice(0)) {
      if (this.tasks.get(id)?.status === TaskStatus.PENDING) this.told.push(`promote ${id}`);
    }
  }

  apply(index: number, atMs: number, kind: Kind): void {
    switch (kind.$case) {
      case "putSchedule":
      case "deleteSchedule":
      case "fireSchedule":
      case "configureQueue":
      case "drainNode":
      case "activateVersion":
      case "transfer":
        return;
      case "operate": {
        const { operation, command } = kind.value;
        if (operation === undefined || command?.kind === undefined) return;
        const { id, expiresAtMs } = operation;
        const untilMs = this.#operations.get(id) ?? 0;
        if (untilMs > atMs) this.#operations.set(id, Math.max(untilMs, expiresAtMs));
        else if (expiresAtMs > atMs) {
          this.#operations.set(id, expiresAtMs);
          this.apply(index, atMs, command.kind);
        }
        return;
      }
      case "submit":
        for (const task of kind.value.tasks) this.#submit(task, atMs);
        return;
      case "assign":
        for (const { taskId, attempt } of kind.value.assignments) {
          const task = this.tasks.get(taskId);
          const due = task?.status === TaskStatus.SCHEDULED && isDue(task, atMs);
          if (task === undefined || (task.status !== TaskStatus.PENDING && !due)) {
            this.told.push(`contradiction ${taskId}`);
            continue;
          }
          task.status = TaskStatus.RUNNING;
          task.attempts = attempt;
          task.fence = index;
          task.workerId = kind.value.nodeId;
        }
        return;
      case "finish":
        for (const { taskId, fence, outcome, finishedAtMs } of kind.value.outcomes) {
          const task = this.#running(taskId, fence);
          if (task === undefined) continue;
          task.ended += 1;
          task.endedAtMs = finishedAtMs;
          if (outcome?.$case === "completed") this.#end(taskId, task, TaskStatus.COMPLETED);
          if (outcome?.$case === "dead") this.#end(taskId, task, TaskStatus.DEAD);
          if (outcome?.$case === "retry") {
            task.status = TaskStatus.SCHEDULED;
            task.runAtMs = outcome.value.runAtMs;
          }
        }
        return;
      case "release":
        for (const { taskId, fence, reason, runAtMs } of kind.value.releases) {
          const task = this.#running(taskId, fence);
          if (task === undefined) continue;
          task.status = runAtMs > atMs ? TaskStatus.SCHEDULED : TaskStatus.PENDING;
          if (runAtMs > atMs) task.runAtMs = runAtMs;
          task.attempts = Math.max(0, task.attempts - 1);
          if (reason === AttemptOutcome.LOST) task.losses += 1;
          if (reason === AttemptOutcome.LAPSED) task.lapses += 1;
          task.ended += 1;
        }
        return;
      case "cancel":
        for (const id of kind.value.taskIds) this.#cancel(id, atMs);
        return;
      case "retry":
        for (const id of kind.value.taskIds) this.#retry(id, atMs, kind.value.onlyDead);
        return;
      case "promote":
        this.#promote(kind.value.limit, atMs);
        return;
      case "drop":
        for (const id of kind.value.taskIds) {
          const isDead = this.tasks.get(id)?.status === TaskStatus.DEAD;
          if (isDead && !this.settling.has(id)) this.#remove(id);
        }
        return;
      case "overdue":
        for (const id of kind.value.taskIds) this.#overdue(id, atMs);
        return;
      case "settle":
        this.#settle(kind.value.limit, atMs);
        return;
      case "expire":
        this.#expire(kind.value);
    }
  }

  #submit(definition: TaskDefinition, atMs: number): void {
    const { id, idempotencyKey: key, uniqueKey, runAtMs, after } = definition;
    const held = key === "" ? undefined : this.#keys.get(key);
    const kept = held !== undefined && held.untilMs > atMs ? held.id : undefined;
    const existing = this.tasks.has(id) ? id : (kept ?? this.#holder(uniqueKey));
    if (existing !== undefined) {
      this.told.push(`duplicate ${id} ${existing}`);
      return;
    }
    if (key !== "") this.#keys.set(key, { untilMs: atMs + this.#windowMs, id });
    const waitsFor = after.filter((other) => this.#isLive(other));
    for (const other of waitsFor) this.#awaited.add(other);
    const task: ModelTask = {
      status: runAtMs <= atMs && waitsFor.length === 0 ? TaskStatus.PENDING : TaskStatus.SCHEDULED,
      runAtMs,
      attempts: 0,
      losses: 0,
      lapses: 0,
      fence: 0,
      workerId: "",
      ended: 0,
      endedAtMs: 0,
      deadlineAtMs: deadlineAtMs(definition),
      uniqueKey,
      waitsFor,
      cancels: definition.onDependencyFailure !== OnDependencyFailure.RUN,
    };
    this.tasks.set(id, task);
    const failed = after.some((other) => {
      return !this.#isLive(other) && this.tasks.get(other)?.status !== TaskStatus.COMPLETED;
    });
    if (failed && task.cancels) this.#cancelDependent(id, task, atMs);
    else if (task.status === TaskStatus.PENDING && (uniqueKey !== "" || after.length > 0)) {
      this.#promoted.push(id);
    }
  }

  #isLive(id: string): boolean {
    const task = this.tasks.get(id);
    return task !== undefined && OPEN.includes(task.status);
  }

  #holder(key: string): string | undefined {
    if (key === "") return undefined;
    return [...this.tasks.keys()].find((id) => {
      return this.#isLive(id) && this.tasks.get(id)?.uniqueKey === key;
    });
  }

  /** Whoever waits for it does not know yet: see settle. */
  #end(id: string, task: ModelTask, status: TaskStatus): void {
    task.status = status;
    if (!this.#awaited.has(id)) return;
    this.settling.set(id, status === TaskStatus.COMPLETED);
    this.told.push(`settling ${id}`);
  }

  #cancelDependent(id: string, task: ModelTask, atMs: number): void {
    task.endedAtMs = atMs;
    this.#end(id, task, TaskStatus.CANCELLED);
  }

  #overdue(id: string, atMs: number): void {
    const task = this.tasks.get(id);
    if (task === undefined) return;
    const { deadlineAtMs: deadline } = task;
    if (this.#isLive(id) && deadline > 0 && deadline <= atMs) {
      if (task.status === TaskStatus.RUNNING) task.ended += 1;
      task.endedAtMs = atMs;
      this.#end(id, task, TaskStatus.DEAD);
    } else if (task.status === TaskStatus.PENDING) this.#promoted.push(id);
  }

  /** Failures first, then in the order of ids; of each, its dependents in the order of submission. */
  #settle(limit: number, atMs: number): void {
    for (let left = limit; left > 0;) {
      const [head] = this.#inOrder();
      if (head === undefined) return;
      const [awaited, completed] = head;
      const waiting = [...this.tasks].filter(([, task]) => {
        return task.status === TaskStatus.SCHEDULED && task.waitsFor.includes(awaited);
      });
      const chosen = waiting.slice(0, left);
      for (const [id, task] of chosen) {
        if (task.status !== TaskStatus.SCHEDULED) continue;
        if (!completed && task.cancels) {
          this.#cancelDependent(id, task, atMs);
          continue;
        }
        task.waitsFor = task.waitsFor.filter((other) => other !== awaited);
        if (task.waitsFor.length > 0 || task.runAtMs > atMs) continue;
        task.status = TaskStatus.PENDING;
        this.#promoted.push(id);
      }
      if (chosen.length < left) {
        this.settling.delete(awaited);
        if (!this.#isLive(awaited)) this.#awaited.delete(awaited);
      }
      left -= Math.max(1, chosen.length);
    }
    const [rest] = this.#inOrder();
    if (rest !== undefined) this.told.push(`settling ${rest[0]}`);
  }

  #inOrder(): (readonly [string, boolean])[] {
    return [...this.settling].sort(([a, x], [b, y]) => Number(x) - Number(y) || (a < b ? -1 : 1));
  }

  #running(id: string, fence: number): ModelTask | undefined {
    const task = this.tasks.get(id);
    if (task?.status === TaskStatus.RUNNING && task.fence === fence) return task;
    this.told.push(`stale ${id}`);
    return undefined;
  }

  #cancel(id: string, atMs: number): void {
    const task = this.tasks.get(id);
    this.told.push(`cancel ${id} ${task?.status ?? TaskStatus.UNSPECIFIED}`);
    if (task === undefined) return;
    if (task.status === TaskStatus.RUNNING) task.ended += 1;
    if (!OPEN.includes(task.status)) return;
    task.endedAtMs = atMs;
    this.#end(id, task, TaskStatus.CANCELLED);
  }

  #retry(id: string, atMs: number, onlyDead: boolean): void {
    const task = this.tasks.get(id);
    const isCancelled = task?.status === TaskStatus.CANCELLED && !onlyDead;
    const retryable = task?.status === TaskStatus.DEAD || isCancelled;
    const runs = retryable && this.#holder(task.uniqueKey) === undefined;
    this.told.push(`retry ${id} ${runs ? "pending" : (task?.status ?? 0)}`);
    if (!runs) return;
    const fresh = {
      attempts: 0,
      losses: 0,
      lapses: 0,
      runAtMs: atMs,
      deadlineAtMs: 0,
      waitsFor: [],
    };
    Object.assign(task, { status: TaskStatus.PENDING, ...fresh });
    this.settling.delete(id);
  }

  #remove(id: string): void {
    this.tasks.delete(id);
    this.#awaited.delete(id);
  }

  #expire({ rules, limit }: ExpireCommand): void {
    let left = limit;
    for (const { status, endedBeforeMs, maxCount } of rules) {
      const ended = [...this.tasks]
        .filter(([, task]) => task.status === status)
        .sort(([a, x], [b, y]) => x.endedAtMs - y.endedAtMs || (a < b ? -1 : 1));
      const due = ended.filter(([, { endedAtMs }]) => endedAtMs < endedBeforeMs).length;
      const gone = ended.slice(0, Math.min(left, Math.max(due, ended.length - maxCount)));
      for (const [id] of gone) if (!this.settling.has(id)) this.#remove(id);
      left -= gone.length;
    }
  }

  #promote(limit: number, atMs: number): void {
    const due = [...this.tasks]
      .filter(([, task]) => task.status === TaskStatus.SCHEDULED && isDue(task, atMs))
      .sort(([a, x], [b, y]) => x.runAtMs - y.runAtMs || (a < b ? -1 : 1))
      .slice(0, limit);
    for (const [id, task] of due) {
      task.status = TaskStatus.PENDING;
      this.#promoted.push(id);
    }
  }
}
