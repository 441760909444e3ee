// A task as it is known from the log alone, before Redis shows it.
import { type Task, type TaskDefinition, TaskStatus } from "../../gen/mesh/v1/task.js";
import { deadlineAtMs } from "../state/definition-rules.js";
import type { RunningTask } from "../state/assignment-table.js";

/** The task right after its submission, or while it runs. */
export function taskFromLog(
  definition: TaskDefinition,
  running: RunningTask | undefined,
  nowMs: number,
): Task {
  return {
    id: definition.id,
    type: definition.type,
    data: definition.data,
    queue: definition.queue,
    priority: definition.priority,
    maxAttempts: definition.maxAttempts,
    backoff: definition.backoff,
    timeoutMs: definition.timeoutMs,
    requires: definition.requires,
    idempotencyKey: definition.idempotencyKey,
    deadlineAtMs: deadlineAtMs(definition) || undefined,
    uniqueKey: definition.uniqueKey,
    after: definition.after,
    onDependencyFailure: definition.onDependencyFailure,
    waitsFor: running === undefined ? definition.after : [],
    schedule: definition.schedule,
    createdAtMs: definition.createdAtMs,
    runAtMs: definition.runAtMs,
    status: running === undefined ? waitingStatus(definition, nowMs) : TaskStatus.RUNNING,
    attempts: running?.assignment.attempt ?? 0,
    startedAtMs: running?.assignedAtMs,
    finishedAtMs: undefined,
    workerId: running?.nodeId ?? "",
    fence: running?.fence ?? 0,
    result: undefined,
    error: undefined,
    progress: undefined,
    history: [],
  };
}

function waitingStatus(definition: TaskDefinition, nowMs: number): TaskStatus {
  const waits = definition.after.length > 0 || definition.runAtMs > nowMs;
  return waits ? TaskStatus.SCHEDULED : TaskStatus.PENDING;
}
