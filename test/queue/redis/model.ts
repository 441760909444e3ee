// The states of tasks as the rules of the commands say, in a few lines: what Redis must agree with.
import type { Kind } from "./applied-log.js";
import type { ExpireCommand } from "../../../src/gen/mesh/v1/command.js";
import { AttemptOutcome, TaskStatus } from "../../../src/gen/mesh/v1/task.js";

export interface ModelTask {
  status: TaskStatus;
  attempts: number;
  losses: number;
  runAtMs: number;
  fence: number;
  workerId: string;
  ended: number;
  /** When it reached its end. */
  endedAtMs: number;
}

export class TaskModel {
  readonly tasks = new Map<string, ModelTask>();
  private readonly keys = new Map<string, { untilMs: number; id: string }>();
  /** Everything told, in order, as text. */
  readonly told: string[] = [];

  private readonly windowMs: number;

  constructor(windowMs: number) {
    this.windowMs = windowMs;
  }

  apply(index: number, atMs: number, kind: Kind): void {
    switch (kind.$case) {
      case "putSchedule":
      case "deleteSchedule":
      case "fireSchedule":
      case "configureQueue":
      case "drainNode":
        return;
      case "submit":
        for (const { id, idempotencyKey: key, runAtMs } of kind.value.tasks) {
          const held = key === "" ? undefined : this.keys.get(key);
          if (this.tasks.has(id)) this.told.push(`duplicate ${id} ${id}`);
          else if (held !== undefined && held.untilMs > atMs) {
            this.told.push(`duplicate ${id} ${held.id}`);
          } else {
            if (key !== "") this.keys.set(key, { untilMs: atMs + this.windowMs, id });
            const status = runAtMs <= atMs ? TaskStatus.PENDING : TaskStatus.SCHEDULED;
            const fresh = {
              attempts: 0,
              losses: 0,
              fence: 0,
              workerId: "",
              ended: 0,
              endedAtMs: 0,
            };
            this.tasks.set(id, { status, runAtMs, ...fresh });
          }
        }
        return;
      case "assign":
        for (const { taskId, attempt } of kind.value.assignments) {
          const task = this.tasks.get(taskId);
          const due = task?.status === TaskStatus.SCHEDULED && task.runAtMs <= atMs;
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
          const task = this.running(taskId, fence);
          if (task === undefined) continue;
          task.ended += 1;
          task.endedAtMs = finishedAtMs;
          if (outcome?.$case === "completed") task.status = TaskStatus.COMPLETED;
          if (outcome?.$case === "dead") task.status = TaskStatus.DEAD;
          if (outcome?.$case === "retry") {
            task.status = TaskStatus.SCHEDULED;
            task.runAtMs = outcome.value.runAtMs;
          }
        }
        return;
      case "release":
        for (const { taskId, fence, reason } of kind.value.releases) {
          const task = this.running(taskId, fence);
          if (task === undefined) continue;
          task.status = TaskStatus.PENDING;
          task.attempts = Math.max(0, task.attempts - 1);
          if (reason === AttemptOutcome.LOST) task.losses += 1;
          task.ended += 1;
        }
        return;
      case "cancel":
        for (const id of kind.value.taskIds) this.cancel(id, atMs);
        return;
      case "retry":
        for (const id of kind.value.taskIds) this.retry(id, atMs);
        return;
      case "promote":
        this.promote(kind.value.limit, atMs);
        return;
      case "drop":
        for (const id of kind.value.taskIds) {
          if (this.tasks.get(id)?.status === TaskStatus.DEAD) this.tasks.delete(id);
        }
        return;
      case "expire":
        this.expire(kind.value);
    }
  }

  private running(id: string, fence: number): ModelTask | undefined {
    const task = this.tasks.get(id);
    if (task?.status === TaskStatus.RUNNING && task.fence === fence) return task;
    this.told.push(`stale ${id}`);
    return undefined;
  }

  private cancel(id: string, atMs: number): void {
    const task = this.tasks.get(id);
    this.told.push(`cancel ${id} ${task?.status ?? TaskStatus.UNSPECIFIED}`);
    if (task === undefined) return;
    if (task.status === TaskStatus.RUNNING) task.ended += 1;
    const open = [TaskStatus.SCHEDULED, TaskStatus.PENDING, TaskStatus.RUNNING];
    if (!open.includes(task.status)) return;
    task.status = TaskStatus.CANCELLED;
    task.endedAtMs = atMs;
  }

  private retry(id: string, atMs: number): void {
    const task = this.tasks.get(id);
    const retryable = task?.status === TaskStatus.DEAD || task?.status === TaskStatus.CANCELLED;
    this.told.push(`retry ${id} ${retryable ? "pending" : (task?.status ?? 0)}`);
    if (!retryable) return;
    Object.assign(task, { status: TaskStatus.PENDING, attempts: 0, losses: 0, runAtMs: atMs });
  }

  private expire({ rules, limit }: ExpireCommand): void {
    let left = limit;
    for (const { status, endedBeforeMs, maxCount } of rules) {
      const ended = [...this.tasks]
        .filter(([, task]) => task.status === status)
        .sort(([a, x], [b, y]) => x.endedAtMs - y.endedAtMs || (a < b ? -1 : 1));
      const due = ended.filter(([, { endedAtMs }]) => endedAtMs < endedBeforeMs).length;
      const gone = ended.slice(0, Math.min(left, Math.max(due, ended.length - maxCount)));
      for (const [id] of gone) this.tasks.delete(id);
      left -= gone.length;
    }
  }

  private promote(limit: number, atMs: number): void {
    const due = [...this.tasks]
      .filter(([, task]) => task.status === TaskStatus.SCHEDULED && task.runAtMs <= atMs)
      .sort(([a, x], [b, y]) => x.runAtMs - y.runAtMs || (a < b ? -1 : 1))
      .slice(0, limit);
    for (const [id, task] of due) {
      task.status = TaskStatus.PENDING;
      this.told.push(`promote ${id}`);
    }
  }
}
