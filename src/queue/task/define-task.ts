// From what a client asked for to a task with every default resolved, or to the refusal that names
// the field at fault.
import { isValid as isUlid } from "ulid";
import {
  type Backoff,
  BackoffType,
  OnDependencyFailure,
  type TaskDefinition,
} from "../../gen/mesh/v1/task.js";
import type { SubmitTaskRequest } from "../../gen/mesh/v1/task_service.js";
import { requireThat } from "../errors.js";
import { jsonFaultOf } from "../../input/json-text.js";
import { isName, NAME_RULE } from "../../input/name-rule.js";
import { isPlain, PLAIN_RULE } from "../../input/text-rule.js";
import { SUBMISSION_LIMITS as LIMITS } from "../../input/request-limits.js";

export const DEFAULT_QUEUE = "default";
export const DEFAULT_PRIORITY = 5;
export const MAX_PRIORITY: number = LIMITS.priority;

const MAX_SHOWN_LENGTH = 40;
/** W3C trace context: version 00 has 55 characters, later ones may have more. */
const MAX_TRACEPARENT_LENGTH = 256;

/** What a submission that says nothing gets, and what it may not exceed. */
export interface SubmissionDefaults {
  readonly maxAttempts: number;
  readonly backoff: Backoff;
  /** Bound of `data` as JSON text, in bytes. */
  readonly maxDataBytes: number;
}

/**
 * Resolves a submission.
 *
 * @param id a ULID, chosen where the request names none
 * @throws QueueError "invalid_field" naming the field
 */
export function defineTask(
  request: SubmitTaskRequest,
  id: string,
  nowMs: number,
  defaults: SubmissionDefaults,
): TaskDefinition {
  requireThat(isUlid(id), "id", "must be a ULID");
  requireThat(
    request.type.length > 0 && request.type.length <= LIMITS.typeLength,
    "type",
    `must have 1 to ${LIMITS.typeLength} characters`,
  );
  requireThat(isPlain(request.type), "type", PLAIN_RULE);
  const queue = request.queue === "" ? DEFAULT_QUEUE : request.queue;
  requireThat(isName(queue), "queue", NAME_RULE);
  const priority = request.priority ?? DEFAULT_PRIORITY;
  requireThat(priority <= MAX_PRIORITY, "priority", `must be 0 to ${MAX_PRIORITY}`);
  const maxAttempts = request.maxAttempts ?? defaults.maxAttempts;
  requireThat(
    maxAttempts >= 1 && maxAttempts <= LIMITS.attempts,
    "maxAttempts",
    `must be 1 to ${LIMITS.attempts}`,
  );
  const timeoutMs = request.timeoutMs ?? 0;
  requireThat(timeoutMs <= LIMITS.attemptMs, "timeoutMs", `must be at most ${LIMITS.attemptMs}`);
  requireThat(
    request.idempotencyKey.length <= LIMITS.keyLength,
    "idempotencyKey",
    `must have at most ${LIMITS.keyLength} characters`,
  );
  requireThat(isPlain(request.idempotencyKey), "idempotencyKey", PLAIN_RULE);
  checkLabels(request.requires);
  const runAtMs = runAt(request, nowMs);
  return {
    id,
    type: request.type,
    data: checkedData(request.data, defaults.maxDataBytes),
    queue,
    priority,
    maxAttempts,
    backoff: checkedBackoff(request.backoff, defaults.backoff),
    timeoutMs,
    requires: request.requires,
    idempotencyKey: request.idempotencyKey,
    createdAtMs: nowMs,
    runAtMs,
    // A bad one is dropped, not refused: so the W3C standard has it.
    traceparent: request.traceparent.length > MAX_TRACEPARENT_LENGTH ? "" : request.traceparent,
    ...lifecycleOf(request, id, runAtMs - nowMs),
    schedule: "",
  };
}

type DependentsOptions = Pick<
  TaskDefinition,
  "deadlineMs" | "uniqueKey" | "after" | "onDependencyFailure"
>;

function lifecycleOf(request: SubmitTaskRequest, id: string, waitMs: number): DependentsOptions {
  const { deadlineMs, uniqueKey, onDependencyFailure } = request;
  const after = [...new Set(request.after)];
  requireThat(
    deadlineMs === undefined || (deadlineMs >= 1 && deadlineMs <= LIMITS.aheadMs),
    "deadlineMs",
    `must be 1 to ${LIMITS.aheadMs}`,
  );
  requireThat(
    deadlineMs === undefined || deadlineMs > waitMs,
    "deadlineMs",
    "must be later than the time before which it does not run (delayMs, runAt)",
  );
  requireThat(
    uniqueKey.length <= LIMITS.keyLength,
    "uniqueKey",
    `must have at most ${LIMITS.keyLength} characters`,
  );
  requireThat(isPlain(uniqueKey), "uniqueKey", PLAIN_RULE);
  requireThat(
    request.after.length <= LIMITS.dependencies,
    "after",
    `must name at most ${LIMITS.dependencies} tasks`,
  );
  for (const other of after) {
    requireThat(isUlid(other), "after", `must hold ids of tasks, and "${cut(other)}" is none`);
    requireThat(other !== id, "after", "must not name the task itself");
  }
  const asked = onDependencyFailure !== OnDependencyFailure.UNSPECIFIED;
  requireThat(
    !asked || after.length > 0,
    "onDependencyFailure",
    "has a meaning only together with after",
  );
  const isRun = onDependencyFailure === OnDependencyFailure.RUN;
  return {
    deadlineMs: deadlineMs ?? 0,
    uniqueKey,
    after,
    onDependencyFailure:
      after.length === 0
        ? OnDependencyFailure.UNSPECIFIED
        : isRun
          ? OnDependencyFailure.RUN
          : OnDependencyFailure.CANCEL,
  };
}

/** A client's text as a message shows it: cut to a bounded length. */
function cut(text: string): string {
  return text.length <= MAX_SHOWN_LENGTH ? text : `${text.slice(0, MAX_SHOWN_LENGTH)}…`;
}

function checkedData(data: string, maxBytes: number): string {
  if (data === "") return "null";
  requireThat(
    Buffer.byteLength(data) <= maxBytes,
    "data",
    `must have at most ${maxBytes} bytes as JSON`,
  );
  const fault = jsonFaultOf(data);
  if (fault !== undefined) {
    const words = 'must be JSON text, such as "\\"hello\\"" or "{\\"ms\\":5}"';
    const field = ["data", ...fault.path].join(".");
    requireThat(false, field, fault.isSyntax ? words : fault.problem);
  }
  return data;
}

function runAt(request: SubmitTaskRequest, nowMs: number): number {
  const { delayMs, runAtMs } = request;
  requireThat(
    delayMs === undefined || runAtMs === undefined,
    "runAt",
    "and delayMs exclude each other",
  );
  const at = runAtMs ?? nowMs + (delayMs ?? 0);
  const field = runAtMs === undefined ? "delayMs" : "runAt";
  requireThat(delayMs === undefined || delayMs >= 0, "delayMs", "must not be negative");
  requireThat(runAtMs === undefined || runAtMs >= 0, "runAt", "must not be before 1970");
  requireThat(at <= nowMs + LIMITS.aheadMs, field, "must be within ten years");
  return Math.max(at, nowMs);
}

function checkedBackoff(asked: Backoff | undefined, fallback: Backoff): Backoff {
  if (asked === undefined) return fallback;
  const { jitter } = asked;
  requireThat(jitter >= 0 && jitter <= 1, "backoff.jitter", "must be 0 to 1");
  requireThat(
    asked.delayMs <= LIMITS.attemptMs,
    "backoff.delayMs",
    `must be at most ${LIMITS.attemptMs}`,
  );
  requireThat(
    asked.maxMs <= LIMITS.attemptMs,
    "backoff.maxMs",
    `must be at most ${LIMITS.attemptMs}`,
  );
  return {
    type: asked.type === BackoffType.FIXED ? BackoffType.FIXED : BackoffType.EXPONENTIAL,
    delayMs: asked.delayMs,
    maxMs: asked.maxMs === 0 ? Math.max(fallback.maxMs, asked.delayMs) : asked.maxMs,
    jitter,
  };
}

function checkLabels(requires: readonly string[]): void {
  requireThat(
    requires.length <= LIMITS.labels,
    "requires",
    `must have at most ${LIMITS.labels} labels`,
  );
  for (const label of requires) {
    requireThat(
      label.length > 0 && label.length <= LIMITS.typeLength,
      "requires",
      `must hold labels of 1 to ${LIMITS.typeLength} characters`,
    );
    requireThat(isPlain(label), "requires", PLAIN_RULE);
  }
}
