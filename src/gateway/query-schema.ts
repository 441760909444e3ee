// What the query strings of the task calls take.
import { z } from "zod";
import { isName, NAME_RULE } from "../input/name-rule.js";
import { isPlain, PLAIN_RULE } from "../input/text-rule.js";
import { SUBMISSION_LIMITS } from "../input/request-limits.js";
import { TaskStatus } from "../gen/mesh/v1/task.js";
import type { ListTaskLogsRequest } from "../gen/mesh/v1/task_log.js";
import type { GetTaskRequest, ListTasksRequest } from "../gen/mesh/v1/task_service.js";
import { invalidFields } from "./problem.js";
import type { WatchRequest } from "./task-watch.js";
import { validated } from "./validated.js";

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000 } as const;
const DURATION = /^(\d{1,9})(ms|s|m)?$/;

const statusByName = {
  scheduled: TaskStatus.SCHEDULED,
  pending: TaskStatus.PENDING,
  running: TaskStatus.RUNNING,
  completed: TaskStatus.COMPLETED,
  failed: TaskStatus.FAILED,
  dead: TaskStatus.DEAD,
  cancelled: TaskStatus.CANCELLED,
} as const;

const statusName = z.enum([
  "scheduled",
  "pending",
  "running",
  "completed",
  "failed",
  "dead",
  "cancelled",
]);

/** A whole number in a query string, from `min` to `max`. */
function wholeNumber(min: number, max?: number): z.ZodType<number> {
  const rule =
    max === undefined ? "must be a whole number" : `must be a whole number from ${min} to ${max}`;
  return z
    .string(rule)
    .regex(/^\d{1,15}$/, rule)
    .transform(Number)
    .refine((value) => value >= min && value <= (max ?? Number.MAX_SAFE_INTEGER), rule);
}

/** How many things a page of a listing has. */
export const pageLimit = wholeNumber(1, 1_000);

/** A type, a label or a key of 1 to `maxLength` characters. */
export const plainText = (maxLength: number) =>
  z.string().min(1).max(maxLength).refine(isPlain, PLAIN_RULE);

/** The name of a queue or of a schedule. */
export const name = z.string().refine(isName, NAME_RULE);

const listQuery = z.strictObject({
  status: statusName.optional(),
  type: plainText(SUBMISSION_LIMITS.typeLength).optional(),
  queue: name.optional(),
  limit: pageLimit.optional(),
  cursor: z.string().min(1).max(1_024).optional(),
});

/** Of things that are listed by their names. */
const namedPageQuery = z.strictObject({ limit: pageLimit.optional(), cursor: name.optional() });

const logsQuery = listQuery.pick({ limit: true, cursor: true }).extend({
  attempt: wholeNumber(1, 1_000).optional(),
});

const deadLettersQuery = listQuery.omit({ status: true });

const getQuery = z.strictObject({
  wait: z.string().optional(),
  consistency: z.enum(["eventual", "linearizable"]).optional(),
  minIndex: wholeNumber(0).optional(),
});

const eventsQuery = z.strictObject({
  id: z.string().min(1).max(26_999).optional(),
  type: plainText(SUBMISSION_LIMITS.typeLength).optional(),
  queue: name.optional(),
  from: wholeNumber(0).optional(),
  only: z.enum(["task", "cluster"]).optional(),
});

export interface EventsRequest {
  readonly watch: WatchRequest;
  /** Events of one kind alone; undefined: of every kind. */
  readonly only: "task" | "cluster" | undefined;
}

/** @throws HttpProblem 422 */
export function eventsRequestFrom(query: unknown): EventsRequest {
  const { id, type, queue, from, only } = validated(eventsQuery, query);
  return {
    watch: {
      ids: id === undefined ? [] : id.split(","),
      type: type ?? "",
      queue: queue ?? "",
      from: from === undefined ? undefined : { index: from, position: 0 },
    },
    only,
  };
}

/** @throws HttpProblem 422 */
export function deadLettersRequestFrom(query: unknown): ListTasksRequest {
  const { type, queue, limit, cursor } = validated(deadLettersQuery, query);
  return {
    status: TaskStatus.DEAD,
    type: type ?? "",
    queue: queue ?? "",
    limit: limit ?? 0,
    cursor: cursor ?? "",
  };
}

/** @throws HttpProblem 422 */
export function listRequestFrom(query: unknown): ListTasksRequest {
  const { status, type, queue, limit, cursor } = validated(listQuery, query);
  return {
    status: status === undefined ? TaskStatus.UNSPECIFIED : statusByName[status],
    type: type ?? "",
    queue: queue ?? "",
    limit: limit ?? 0,
    cursor: cursor ?? "",
  };
}

/** Which page of things that are listed by their names. @throws HttpProblem 422 */
export function namedPageFrom(query: unknown): { readonly limit: number; readonly after: string } {
  const { limit = 0, cursor = "" } = validated(namedPageQuery, query);
  return { limit, after: cursor };
}

/** @throws HttpProblem 422 */
export function logsRequestFrom(id: string, query: unknown): ListTaskLogsRequest {
  const { attempt, limit, cursor } = validated(logsQuery, query);
  return { id, attempt: attempt ?? 0, limit: limit ?? 0, cursor: cursor ?? "" };
}

/**
 * @param maxWaitMs longest `wait`
 * @throws HttpProblem 422
 */
export function getRequestFrom(id: string, query: unknown, maxWaitMs: number): GetTaskRequest {
  const { wait, consistency, minIndex } = validated(getQuery, query);
  return {
    id,
    waitMs: wait === undefined ? 0 : checkedWaitMs(wait, maxWaitMs),
    linearizable: consistency === "linearizable",
    minIndex: minIndex ?? 0,
  };
}

function checkedWaitMs(text: string, maxWaitMs: number): number {
  const waitMs = parseDurationMs(text);
  if (waitMs === undefined) {
    throw invalidFields([{ field: "wait", message: "must be a time such as 10s, 500ms or 10" }]);
  }
  if (waitMs > maxWaitMs) {
    throw invalidFields([{ field: "wait", message: `must be at most ${maxWaitMs}ms` }]);
  }
  return waitMs;
}

/** A time as people write it: 10s, 500ms, 2m; a bare number means seconds. Undefined where it is none. */
function parseDurationMs(text: string): number | undefined {
  const match = DURATION.exec(text);
  if (match === null) return undefined;
  const [, amount, unit] = match;
  const unitMs = unit === "ms" || unit === "m" ? UNIT_MS[unit] : UNIT_MS.s;
  return Number(amount) * unitMs;
}
