// For calls that take nothing: what is given all the same is refused by its name, as a mistyped field
// is elsewhere, and not passed over.
import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { validated } from "./validated.js";

const nothing = z.strictObject({});

/** Of a call without a query string. @throws HttpProblem 422 */
export function takesNoQuery(request: FastifyRequest, _reply: unknown, done: () => void): void {
  validated(nothing, request.query);
  done();
}

/** Of a call with neither a query string nor a body. @throws HttpProblem 422 */
export function takesNothing(request: FastifyRequest, reply: unknown, done: () => void): void {
  validated(nothing, request.body ?? {});
  takesNoQuery(request, reply, done);
}
