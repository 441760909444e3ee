// What the headers of a request add to its submission.
import type { FastifyRequest } from "fastify";
import type { RouteContext } from "./route-context.js";
import { invalidFields } from "./problem.js";
import type { SubmissionContext } from "./submission-schema.js";

const MAX_KEY_LENGTH = 256;
/** W3C Trace Context, version 00. */
const TRACEPARENT = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** @throws HttpProblem 422 for an Idempotency-Key that is none */
export function submissionContext(
  request: FastifyRequest,
  config: RouteContext["config"],
): SubmissionContext {
  const key = request.headers["idempotency-key"];
  if (key !== undefined && (typeof key !== "string" || key === "" || key.length > MAX_KEY_LENGTH)) {
    const message = `must be one value of 1 to ${MAX_KEY_LENGTH} characters`;
    throw invalidFields([{ field: "Idempotency-Key", message }]);
  }
  return {
    backoff: config.retries.backoff,
    idempotencyKey: key,
    traceparent: traceparent(request),
  };
}

function traceparent(request: FastifyRequest): string | undefined {
  const value = request.headers["traceparent"];
  return typeof value === "string" && TRACEPARENT.test(value) ? value : undefined;
}
