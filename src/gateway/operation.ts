// The identity of a call that changes something: derived from its Idempotency-Key, so that it is the same
// one whichever gateway it comes to, or new.
import { createHash } from "node:crypto";
import type { FastifyRequest } from "fastify";
import { newOperation } from "../api/operation-id.js";
import type { Operation } from "../gen/mesh/v1/operation.js";
import { idempotencyKeyOf } from "./idempotency-key.js";

/** How long a call that is repeated with its key is recognised. */
const KEY_WINDOW_MS = 10 * 60_000;

/**
 * Its expiry is by this process's clock: MeshCaller makes log time of it.
 * @throws HttpProblem 422 for an Idempotency-Key that is none
 */
export function operationOf(request: FastifyRequest): Operation {
  const key = idempotencyKeyOf(request);
  if (key === undefined) return newOperation(Date.now());
  const [path = ""] = request.url.split("?");
  return {
    id: digest(["key", key, request.method, path]),
    expiresAtMs: Date.now() + KEY_WINDOW_MS,
    fingerprint: digest([request.query, request.body ?? null]),
  };
}

function digest(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value, inOrder)).digest("base64url");
}

/** The same fields in another order are the same body. */
function inOrder(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
