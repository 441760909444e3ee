// The one place where a refusal becomes a gRPC status, and a status a refusal again. A status carries
// the Problem as binary metadata, so that nothing is lost between node, gateway and CLI.
import { Metadata, type ServiceError, type StatusObject, status } from "@grpc/grpc-js";

import { Problem } from "../gen/mesh/v1/task_service.js";
import { QueueError, type QueueErrorCode } from "../queue/errors.js";
import type { EdgeLog } from "./edge-log.js";

/** Metadata key of the encoded Problem. */
export const PROBLEM_METADATA_KEY = "mesh-problem-bin";
/** Metadata key of the oldest index that can be watched from, where older ones were asked for. */
export const OLDEST_INDEX_METADATA_KEY = "mesh-oldest-index";
/** Longest message of a status: headers are bounded, and a refusal that does not fit is lost. */
export const MAX_PROBLEM_MESSAGE_LENGTH = 1_024;
/** Code of an error that is none of the queue's: its cause is logged and never sent. */
export const INTERNAL_CODE = "internal";

interface Mapping {
  readonly grpc: status;
  readonly http: number;
}

const CATALOGUE: Readonly<Record<QueueErrorCode, Mapping>> = {
  invalid_field: { grpc: status.INVALID_ARGUMENT, http: 422 },
  invalid_cursor: { grpc: status.INVALID_ARGUMENT, http: 422 },
  too_many_items: { grpc: status.INVALID_ARGUMENT, http: 422 },
  // Depends on which nodes live, not on the request alone.
  unknown_type: { grpc: status.FAILED_PRECONDITION, http: 422 },
  chaos_disabled: { grpc: status.PERMISSION_DENIED, http: 403 },
  gone: { grpc: status.NOT_FOUND, http: 410 },
  not_found: { grpc: status.NOT_FOUND, http: 404 },
  not_retryable: { grpc: status.FAILED_PRECONDITION, http: 409 },
  last_worker: { grpc: status.FAILED_PRECONDITION, http: 409 },
  already_ended: { grpc: status.FAILED_PRECONDITION, http: 409 },
  not_leader: { grpc: status.FAILED_PRECONDITION, http: 503 },
  wrong_node: { grpc: status.FAILED_PRECONDITION, http: 503 },
  no_leader: { grpc: status.UNAVAILABLE, http: 503 },
  overloaded: { grpc: status.RESOURCE_EXHAUSTED, http: 503 },
  redis_unavailable: { grpc: status.UNAVAILABLE, http: 503 },
  events_gone: { grpc: status.OUT_OF_RANGE, http: 410 },
  expired: { grpc: status.FAILED_PRECONDITION, http: 503 },
  key_reused: { grpc: status.INVALID_ARGUMENT, http: 422 },
  // Not UNAVAILABLE: clients resend those by themselves, and only the caller knows how to do that.
  outcome_unknown: { grpc: status.ABORTED, http: 503 },
};

const INTERNAL: Mapping = { grpc: status.INTERNAL, http: 500 };

const isQueueErrorCode = (code: string): code is QueueErrorCode => Object.hasOwn(CATALOGUE, code);

/** Any error as a Problem; one that is no QueueError is masked. */
export function problemFrom(error: unknown): Problem {
  if (!(error instanceof QueueError)) {
    return {
      code: INTERNAL_CODE,
      message: "the node failed to answer; its log says why",
      field: "",
      httpStatus: INTERNAL.http,
      retryAfterMs: 0,
      logTimeMs: 0,
    };
  }
  return {
    code: error.code,
    message: headerText(error.message),
    field: error.field ?? "",
    httpStatus: CATALOGUE[error.code].http,
    retryAfterMs: Math.max(0, Math.ceil(error.retryAfterMs ?? 0)),
    logTimeMs: error.logTimeMs ?? 0,
  };
}

/** Text that fits a header: bounded, and without half characters, which percent-encoding refuses. */
function headerText(text: string): string {
  return text.slice(0, MAX_PROBLEM_MESSAGE_LENGTH).replace(/[\uD800-\uDFFF]/gu, "\uFFFD");
}

/** A refused item, or an answer's problem, as the error that it was. */
export function queueErrorFrom(problem: Problem): QueueError | undefined {
  if (!isQueueErrorCode(problem.code)) return undefined;
  return new QueueError(problem.code, problem.message, {
    ...(problem.field === "" ? {} : { field: problem.field }),
    ...(problem.retryAfterMs === 0 ? {} : { retryAfterMs: problem.retryAfterMs }),
    ...(problem.logTimeMs === 0 ? {} : { logTimeMs: problem.logTimeMs }),
  });
}

/** What a call that threw `error` ends with; an error that is masked is logged here. */
export function statusFrom(error: unknown, log: EdgeLog, method: string): StatusObject {
  const problem = problemFrom(error);
  if (!(error instanceof QueueError)) log.error({ err: error, method }, "a call failed");
  const status = statusOf(problem);
  if (error instanceof QueueError && error.oldestIndex !== undefined) {
    status.metadata.set(OLDEST_INDEX_METADATA_KEY, String(error.oldestIndex));
  }
  return status;
}

/** The status that carries a problem. */
export function statusOf(problem: Problem): StatusObject {
  const metadata = new Metadata();
  metadata.set(PROBLEM_METADATA_KEY, Buffer.from(Problem.encode(problem).finish()));
  const mapping = isQueueErrorCode(problem.code) ? CATALOGUE[problem.code] : INTERNAL;
  return { code: mapping.grpc, details: problem.message, metadata };
}

/** True for what a gRPC client throws or calls back with. */
export function isServiceError(error: unknown): error is ServiceError {
  return (
    error instanceof Error &&
    "code" in error &&
    typeof error.code === "number" &&
    "metadata" in error &&
    error.metadata instanceof Metadata
  );
}

/** The Problem that a node attached to its status; undefined where the node did not answer. */
export function problemOf(error: unknown): Problem | undefined {
  if (!isServiceError(error)) return undefined;
  const [encoded] = error.metadata.get(PROBLEM_METADATA_KEY);
  if (!(encoded instanceof Buffer)) return undefined;
  try {
    return Problem.decode(encoded);
  } catch {
    // Encoded by a version that this one cannot read: the same as none.
    return undefined;
  }
}

/** The oldest index that a node attached to its status; undefined where it did not. */
export function oldestIndexOf(error: unknown): number | undefined {
  if (!isServiceError(error)) return undefined;
  const [text] = error.metadata.get(OLDEST_INDEX_METADATA_KEY);
  const index = Number(text ?? Number.NaN);
  return Number.isSafeInteger(index) ? index : undefined;
}
