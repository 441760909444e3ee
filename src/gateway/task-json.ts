// A task as HTTP shows it. The text is put together by hand: data and result are JSON text already,
// and are neither parsed nor written again.
import { deathReason } from "../api/death-reason.js";
import type { ListTaskLogsResponse, TaskLogLine } from "../gen/mesh/v1/task_log.js";
import {
  type AttemptRecord,
  AttemptOutcome,
  type Backoff,
  BackoffType,
  OnDependencyFailure,
  type Task,
  type TaskError,
  TaskStatus,
} from "../gen/mesh/v1/task.js";

/** The word for a status, as clients see it. */
export const statusName: Readonly<Record<TaskStatus, string>> = {
  [TaskStatus.UNSPECIFIED]: "pending",
  [TaskStatus.SCHEDULED]: "scheduled",
  [TaskStatus.PENDING]: "pending",
  [TaskStatus.RUNNING]: "running",
  [TaskStatus.COMPLETED]: "completed",
  [TaskStatus.FAILED]: "failed",
  [TaskStatus.DEAD]: "dead",
  [TaskStatus.CANCELLED]: "cancelled",
  [TaskStatus.UNRECOGNIZED]: "unknown",
};

const outcomeName: Readonly<Record<AttemptOutcome, string>> = {
  [AttemptOutcome.UNSPECIFIED]: "unknown",
  [AttemptOutcome.COMPLETED]: "completed",
  [AttemptOutcome.FAILED]: "failed",
  [AttemptOutcome.TIMED_OUT]: "timed_out",
  [AttemptOutcome.LOST]: "lost",
  [AttemptOutcome.HANDED_BACK]: "handed_back",
  [AttemptOutcome.CANCELLED]: "cancelled",
  [AttemptOutcome.LAPSED]: "lapsed",
  [AttemptOutcome.UNRECOGNIZED]: "unknown",
};

/** JSON text of a task. */
export function taskJson(task: Task): string {
  const { error, progress, history } = task;
  return (
    `{"id":${quoted(task.id)},"type":${quoted(task.type)},"data":${task.data || "null"}` +
    `,"queue":${quoted(task.queue)},"priority":${task.priority}` +
    `,"status":"${statusName[task.status]}","attempts":${task.attempts}` +
    `,"maxAttempts":${task.maxAttempts},"createdAt":${time(task.createdAtMs)}` +
    `,"runAt":${time(task.runAtMs)},"startedAt":${time(task.startedAtMs)}` +
    `,"finishedAt":${time(task.finishedAtMs)},"workerId":${textOrNull(task.workerId)}` +
    `,"fence":${task.fence === 0 ? "null" : task.fence},"result":${task.result ?? "null"}` +
    `,"error":${error === undefined ? "null" : errorJson(error)}` +
    `,"progress":${progress ?? "null"},"history":[${history.map(attemptJson).join(",")}]` +
    `,"backoff":${backoffJson(task.backoff)}` +
    `,"timeoutMs":${task.timeoutMs === 0 ? "null" : task.timeoutMs}` +
    `,"requires":[${task.requires.map(quoted).join(",")}]` +
    `,"idempotencyKey":${textOrNull(task.idempotencyKey)}` +
    `,"schedule":${textOrNull(task.schedule)},"deadlineAt":${time(task.deadlineAtMs)}` +
    `,"uniqueKey":${textOrNull(task.uniqueKey)},${dependenciesJson(task)}}`
  );
}

function dependenciesJson({ after, onDependencyFailure, waitsFor }: Task): string {
  if (after.length === 0) return '"after":[],"onDependencyFailure":null,"waitsFor":[]';
  const policy = onDependencyFailure === OnDependencyFailure.RUN ? "run" : "cancel";
  return (
    `"after":[${after.map(quoted).join(",")}],"onDependencyFailure":"${policy}"` +
    `,"waitsFor":[${waitsFor.map(quoted).join(",")}]`
  );
}

// Most strings of a task are plain names: worth not going through JSON.stringify for.
const PLAIN = /^[\w.:-]*$/;

function quoted(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}

function textOrNull(text: string): string {
  return text === "" ? "null" : quoted(text);
}

function time(ms: number | undefined): string {
  return ms === undefined ? "null" : `"${new Date(ms).toISOString()}"`;
}

function errorJson({ name, message }: TaskError): string {
  return JSON.stringify({ name, message });
}

function attemptJson(record: AttemptRecord): string {
  return (
    `{"attempt":${record.attempt},"workerId":${textOrNull(record.workerId)}` +
    `,"fence":${record.fence},"startedAt":${record.startedAtMs === 0 ? "null" : time(record.startedAtMs)}` +
    `,"finishedAt":${time(record.finishedAtMs)},"outcome":"${outcomeName[record.outcome]}"` +
    `,"error":${record.error === "" ? "null" : JSON.stringify(record.error)}}`
  );
}

/** JSON text of a backoff. */
export function backoffJson(backoff: Backoff | undefined): string {
  if (backoff === undefined) return "null";
  const { delayMs, maxMs, jitter } = backoff;
  const type = backoff.type === BackoffType.FIXED ? "fixed" : "exponential";
  return `{"type":"${type}","delayMs":${delayMs},"maxMs":${maxMs},"jitter":${jitter}}`;
}

/** JSON text of a dead task: the task, and in one word why it is dead. */
export function deadLetterJson(task: Task): string {
  return `${taskJson(task).slice(0, -1)},"reason":"${deathReason(task)}"}`;
}

/** A page of what handlers wrote, as JSON text: fields are taken over as they are, not parsed. */
export function logJson({ lines, nextCursor }: ListTaskLogsResponse): string {
  const next = nextCursor === "" ? "null" : JSON.stringify(nextCursor);
  return `{"lines":[${lines.map(lineJson).join(",")}],"nextCursor":${next}}`;
}

function lineJson({ atMs, attempt, level, message, fields }: TaskLogLine): string {
  const head = { at: new Date(atMs).toISOString(), attempt, level, message };
  return `${JSON.stringify(head).slice(0, -1)},"fields":${fields === "" ? "null" : fields}}`;
}
