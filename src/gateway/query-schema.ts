// What the query strings of the task calls take.
import { z } from "zod";
import { TaskStatus } from "../gen/mesh/v1/task.js";
import type { ListTaskLogsRequest } from "../gen/mesh/v1/task_log.js";
import type { GetTaskRequest, ListTasksRequest } from "../gen/mesh/v1/task_service.js";
import { parseDurationMs } from "./duration.js";
import { invalidFields } from "./problem.js";
import type { WatchRequest } from "./task-watch.js";
import { validated } from "./validated.js";

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

/** A whole number in a query string. */
export const digits = z.string().regex(/^\d{1,15}$/, "must be a whole number");

const listQuery = z.strictObject({
  status: statusName.optional(),
  type: z.string().min(1).max(128).optional(),
  queue: z.string().min(1).max(63).optional(),
  limit: digits.transform(Number).pipe(z.int().min(1).max(1_000)).optional(),
  cursor: z.string().min(1).max(1_024).optional(),
});

const logsQuery = listQuery.pick({ limit: true, cursor: true }).extend({
  attempt: digits.transform(Number).pipe(z.int().min(1).max(1_000)).optional(),
});

const deadLettersQuery = listQuery.omit({ status: true });

const getQuery = z.strictObject({
  wait: z.string().optional(),
  consistency: z.enum(["eventual", "linearizable"]).optional(),
  minIndex: digits.transform(Number).optional(),
});

const eventsQuery = z.strictObject({
  id: z.string().min(1).max(26_999).optional(),
  type: z.string().min(1).max(128).optional(),
  queue: z.string().min(1).max(63).optional(),
  from: digits.transform(Number).optional(),
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
