// What the headers of a request add to its submission.
import type { FastifyRequest } from "fastify";
import type { RouteContext } from "./route-context.js";
import { idempotencyKeyOf } from "./idempotency-key.js";
import type { SubmissionContext } from "./submission-schema.js";

/** W3C Trace Context, version 00. */
const TRACEPARENT = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** @throws HttpProblem 422 for an Idempotency-Key that is none */
export function submissionContext(
  request: FastifyRequest,
  config: RouteContext["config"],
): SubmissionContext {
  return {
    backoff: config.retries.backoff,
    idempotencyKey: idempotencyKeyOf(request),
    traceparent: traceparent(request),
  };
}

function traceparent(request: FastifyRequest): string | undefined {
  const value = request.headers["traceparent"];
  return typeof value === "string" && TRACEPARENT.test(value) ? value : undefined;
}
