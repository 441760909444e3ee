// What the failure of a call tells of its work: surely not done, perhaps done, or refused. Told here
// for everyone who calls a node, since whoever tells it otherwise does work twice or gives it up.
import { type ServiceError, status } from "@grpc/grpc-js";

import type { Problem } from "../gen/mesh/v1/task_service.js";
import { QueueError } from "../queue/errors.js";
import { INTERNAL_CODE, isServiceError, problemFrom, problemOf } from "./status.js";

/** What a second run would do: nothing, of a read, or what the first did, of a call with an identity. */
export type RepeatEffect = "none" | "same";

/** How a try failed. */
export type CallFailure =
  /**
   * Surely not done: never sent, or refused by a node that does not lead, found no leader or is another one. `problem`
   * is what that node said; undefined where none was reached.
   */
  | { readonly kind: "not-done"; readonly problem: Problem | undefined; readonly error: unknown }
  /** Done or not: the answer did not come. */
  | { readonly kind: "lost"; readonly error: unknown }
  | { readonly kind: "refused"; readonly problem: Problem; readonly error: unknown };

export type CallOutcome<Response> =
  { readonly kind: "answered"; readonly response: Response } | CallFailure;

/** @param error what a node's operation threw, or what a call to a node ended with */
export function failureOf(error: unknown): CallFailure {
  const problem = error instanceof QueueError ? problemFrom(error) : problemOf(error);
  if (problem !== undefined) return refusalOf(problem, error);
  if (!isServiceError(error)) return { kind: "refused", problem: problemFrom(error), error };
  switch (error.code) {
    // What gRPC itself, or a proxy, says when the answer did not come; and what a node says with a
    // Problem that this version cannot read: an ABORTED is its "outcome_unknown".
    case status.UNAVAILABLE:
    case status.DEADLINE_EXCEEDED:
    case status.CANCELLED:
    case status.ABORTED:
    case status.UNKNOWN:
    case status.INTERNAL:
    case status.DATA_LOSS:
      return { kind: "lost", error };
    default:
      return { kind: "refused", problem: unexpected(error), error };
  }
}

/**
 * Whether a refusal says nothing of an earlier try whose answer was lost: it tells of the moment, such
 * as "overloaded", and not of the request, which would have been refused the first time as well.
 */
export function isOfTheMoment({ httpStatus }: Problem): boolean {
  return httpStatus >= 500;
}

/** Why a call failed, in words for a log or an operator: the node's own where it gave any. */
export function reasonOf(error: unknown): string {
  if (!isServiceError(error)) return error instanceof Error ? error.message : String(error);
  return problemOf(error)?.message ?? error.details;
}

function refusalOf(problem: Problem, error: unknown): CallFailure {
  switch (problem.code) {
    case "not_leader":
    case "no_leader":
    case "wrong_node":
      return { kind: "not-done", problem, error };
    case "outcome_unknown":
      return { kind: "lost", error };
    default:
      return { kind: "refused", problem, error };
  }
}

/** A status that no node of this version sends: its text is for the log, not for the client. */
function unexpected(error: ServiceError): Problem {
  const message = `the node answered with gRPC status ${status[error.code]}`;
  return {
    code: INTERNAL_CODE,
    message,
    field: "",
    httpStatus: 500,
    retryAfterMs: 0,
    logTimeMs: 0,
  };
}
