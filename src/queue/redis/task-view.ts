// Puts stored pieces together into what callers know: Task and StoredPendingTask.
import {
  AttemptOutcome,
  TaskError,
  TaskStatus,
  type Task,
  type TaskDefinition,
} from "../../gen/mesh/v1/task.js";
import type { StoredPendingTask } from "../task/pending-task.js";
import { definitionOf, type RunState } from "./run-state.js";

/** Attempts that a task shows, the last ones. */
const MAX_HISTORY = 20;

/** A task as a client sees it; `definition` with its data, `result` as stored wherever it is. */
export function taskView(
  state: RunState,
  definition: TaskDefinition,
  result: string | undefined,
): Task {
  return {
    id: definition.id,
    type: definition.type,
    data: definition.data,
    queue: state.queue,
    priority: state.priority,
    status: state.status,
    attempts: state.attempts,
    maxAttempts: definition.maxAttempts,
    createdAtMs: definition.createdAtMs,
    runAtMs: state.runAtMs,
    startedAtMs: state.startedAtMs === 0 ? undefined : state.startedAtMs,
    finishedAtMs: state.finishedAtMs === 0 ? undefined : state.finishedAtMs,
    workerId: state.workerId,
    fence: state.fence,
    result,
    error: state.error.length === 0 ? undefined : TaskError.decode(state.error),
    progress: undefined,
    history: historyOf(state),
    backoff: definition.backoff,
    timeoutMs: definition.timeoutMs,
    requires: definition.requires,
    idempotencyKey: definition.idempotencyKey,
    deadlineAtMs: state.options.deadlineAtMs === 0 ? undefined : state.options.deadlineAtMs,
    uniqueKey: definition.uniqueKey,
    after: definition.after,
    onDependencyFailure: definition.onDependencyFailure,
    waitsFor: state.status === TaskStatus.SCHEDULED ? [...state.options.waitsFor] : [],
    schedule: definition.schedule,
  };
}

/** A pending task as the leader needs it. */
export function pendingTask(state: RunState): StoredPendingTask {
  const definition = definitionOf(state);
  return {
    id: definition.id,
    type: definition.type,
    queue: state.queue,
    priority: state.priority,
    sequence: state.sequence,
    attempts: state.attempts,
    maxAttempts: definition.maxAttempts,
    backoff: definition.backoff,
    timeoutMs: definition.timeoutMs,
    requires: definition.requires,
    losses: state.losses,
    lapses: state.lapses,
    runAtMs: state.runAtMs,
    deadlineAtMs: state.options.deadlineAtMs,
  };
}

/** A completed attempt is not stored in the history: the state says all of it already. */
function historyOf(state: RunState): Task["history"] {
  const history = [...state.history];
  if (state.status === TaskStatus.COMPLETED) {
    history.push({
      attempt: state.attempts,
      workerId: state.workerId,
      fence: state.fence,
      startedAtMs: state.startedAtMs,
      finishedAtMs: state.finishedAtMs,
      outcome: AttemptOutcome.COMPLETED,
      error: "",
      endedIndex: 0,
    });
  }
  return history.slice(-MAX_HISTORY);
}
