// Gives a call that changes something its identity, where whoever sent it gave none: however often it is
// sent from here on, it takes effect once.
import { randomUUID } from "node:crypto";
import type { Operation } from "../gen/mesh/v1/operation.js";

/** How long a call may be on its way, milliseconds of log time: far longer than it is sent again. */
export const OPERATION_LIFETIME_MS = 2 * 60_000;

/** An identity that nothing else has, of a call that begins now. @param nowMs log time, as far as is known */
export function newOperation(nowMs: number): Operation {
  return { id: randomUUID(), expiresAtMs: nowMs + OPERATION_LIFETIME_MS, fingerprint: "" };
}

/** The request with an identity: its own, where it has one. */
export function identified<Request extends { readonly operation?: Operation | undefined }>(
  request: Request,
  nowMs: number,
): Request {
  return request.operation === undefined ? { ...request, operation: newOperation(nowMs) } : request;
}
