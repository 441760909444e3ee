// What POST /tasks takes, and its form on the wire. Every default that has to do with HTTP is
// resolved here; the node checks once more and resolves the rest.
import { isValid as isUlid } from "ulid";
import { z } from "zod";
import { type ParsedDateTime, parseDateTime } from "../input/date-time.js";
import { SUBMISSION_LIMITS as MAX } from "../input/request-limits.js";
import type { Config } from "../config/schema.js";
import { BackoffType, OnDependencyFailure } from "../gen/mesh/v1/task.js";
import type { SubmitTaskRequest } from "../gen/mesh/v1/task_service.js";
import { name, plainText } from "./query-schema.js";
import { validated } from "./validated.js";

const MAX_EPOCH_MS = 253_402_300_799_999;

/** What the words for a priority mean. */
export const PRIORITY_BY_WORD = { high: 8, normal: 5, low: 2 } as const;

const milliseconds = z.int().min(0).max(MAX.attemptMs);

const PRIORITY_RULE = `must be "high", "normal", "low" or an integer from 0 to ${MAX.priority}`;
const priority = z.union(
  [
    z.enum(["high", "normal", "low"]),
    z.int(PRIORITY_RULE).min(0, PRIORITY_RULE).max(MAX.priority, PRIORITY_RULE),
  ],
  PRIORITY_RULE,
);

const ulid = z.string().refine(isUlid, "must be the id of a task");

const TIME_RULE =
  "must be an ISO 8601 time with a time zone such as 2030-01-31T12:00:00Z, or milliseconds since 1970";
/** Milliseconds since the epoch, in whichever of its forms. */
const runAt = z.union([z.string(), z.number()], TIME_RULE).transform((value, context): number => {
  const parsed = typeof value === "string" ? parseDateTime(value) : epochTime(value);
  if (parsed.kind === "time") return parsed.atMs;
  context.addIssue({ code: "custom", message: parsed.reason });
  return z.NEVER;
});

function epochTime(atMs: number): ParsedDateTime {
  const isTime = Number.isInteger(atMs) && atMs >= 0 && atMs <= MAX_EPOCH_MS;
  return isTime ? { kind: "time", atMs } : { kind: "refused", reason: TIME_RULE };
}

const backoff = z.strictObject({
  type: z.enum(["exponential", "fixed"]).optional(),
  delayMs: milliseconds.optional(),
  maxMs: milliseconds.min(1).optional(),
  jitter: z.number().min(0).max(1).optional(),
});

/** What every task has, those of a schedule included. */
export const taskTemplate = z.strictObject({
  type: plainText(MAX.typeLength),
  data: z.unknown().optional(),
  queue: name.optional(),
  priority: priority.optional(),
  maxAttempts: z.int().min(1).max(MAX.attempts).optional(),
  backoff: backoff.optional(),
  timeoutMs: milliseconds.optional(),
  requires: z.array(plainText(MAX.typeLength)).max(MAX.labels).optional(),
  deadlineMs: z.int().min(1).max(MAX.aheadMs).optional(),
  uniqueKey: plainText(MAX.keyLength).optional(),
});

const submission = taskTemplate
  .extend({
    delayMs: z.int().min(0).max(MAX.aheadMs).optional(),
    runAt: runAt.optional(),
    idempotencyKey: plainText(MAX.keyLength).optional(),
    after: z.array(ulid).max(MAX.dependencies).optional(),
    onDependencyFailure: z.enum(["cancel", "run"]).optional(),
  })
  .refine((value) => value.delayMs === undefined || value.runAt === undefined, {
    path: ["runAt"],
    message: "cannot be given together with delayMs",
  })
  .refine((value) => value.onDependencyFailure === undefined || value.after !== undefined, {
    path: ["onDependencyFailure"],
    message: "has a meaning only together with after",
  });

type Submission = z.infer<typeof submission>;

const DEPENDENCY_FAILURES = {
  unspecified: OnDependencyFailure.UNSPECIFIED,
  cancel: OnDependencyFailure.CANCEL,
  run: OnDependencyFailure.RUN,
} as const;

export interface SubmissionContext {
  readonly backoff: Config["retries"]["backoff"];
  /** The header Idempotency-Key, where there was one. */
  readonly idempotencyKey: string | undefined;
  readonly traceparent: string | undefined;
}

/**
 * One submission on the wire, without an id.
 * @throws HttpProblem 422 naming every field at fault
 */
export function submissionFrom(body: unknown, context: SubmissionContext): SubmitTaskRequest {
  return requestOf(validated(submission, body), context);
}

/** The task of a schedule, or of one submission, on the wire. */
export function requestOf(value: Submission, context: SubmissionContext): SubmitTaskRequest {
  const { idempotencyKey: header } = context;
  const key = value.idempotencyKey ?? header;
  return {
    type: value.type,
    data: value.data === undefined ? "" : JSON.stringify(value.data),
    queue: value.queue ?? "",
    priority:
      typeof value.priority === "string" ? PRIORITY_BY_WORD[value.priority] : value.priority,
    delayMs: value.delayMs,
    runAtMs: value.runAt,
    maxAttempts: value.maxAttempts,
    backoff: value.backoff === undefined ? undefined : backoffOf(value.backoff, context.backoff),
    timeoutMs: value.timeoutMs,
    requires: value.requires ?? [],
    idempotencyKey: key ?? "",
    id: "",
    traceparent: context.traceparent ?? "",
    deadlineMs: value.deadlineMs,
    uniqueKey: value.uniqueKey ?? "",
    after: value.after ?? [],
    onDependencyFailure: DEPENDENCY_FAILURES[value.onDependencyFailure ?? "unspecified"],
  };
}

function backoffOf(
  asked: NonNullable<Submission["backoff"]>,
  defaults: Config["retries"]["backoff"],
): NonNullable<SubmitTaskRequest["backoff"]> {
  const type = asked.type ?? defaults.type;
  const delayMs = asked.delayMs ?? defaults.delayMs;
  return {
    type: type === "fixed" ? BackoffType.FIXED : BackoffType.EXPONENTIAL,
    delayMs,
    // A longer first wait than the default's bound moves the bound, not the wait.
    maxMs: asked.maxMs ?? Math.max(defaults.maxMs, delayMs),
    jitter: asked.jitter ?? defaults.jitter,
  };
}
