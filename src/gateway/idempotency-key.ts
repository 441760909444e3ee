// The header Idempotency-Key, as the text that its client meant: two keys that differ stay two, and the
// same key is the same one in a header and in a body.
import type { FastifyRequest } from "fastify";
import { SUBMISSION_LIMITS } from "../input/request-limits.js";
import { headerText, isPlain, PLAIN_RULE } from "../input/text-rule.js";
import { invalidFields } from "./problem.js";

const HEADER = "Idempotency-Key";

/** Undefined where the request has none. @throws HttpProblem 422 */
export function idempotencyKeyOf(request: FastifyRequest): string | undefined {
  const given = request.headers["idempotency-key"];
  if (given === undefined) return undefined;
  // `headers` has joined them: two keys would be one, "a, b".
  const { rawHeaders } = request.raw;
  const names = rawHeaders.filter((_text, at) => at % 2 === 0);
  const count = names.filter((name) => name.toLowerCase() === HEADER.toLowerCase()).length;
  if (typeof given !== "string" || count > 1) {
    throw invalidKey("is given more than once: give one");
  }
  const key = headerText(given);
  if (key === undefined) {
    throw invalidKey("is not in UTF-8: send it so, or as idempotencyKey in the body");
  }
  if (key === "" || key.length > SUBMISSION_LIMITS.keyLength) {
    throw invalidKey(`must be one value of 1 to ${SUBMISSION_LIMITS.keyLength} characters`);
  }
  if (!isPlain(key)) throw invalidKey(PLAIN_RULE);
  return key;
}

function invalidKey(message: string) {
  return invalidFields([{ field: HEADER, message }]);
}
