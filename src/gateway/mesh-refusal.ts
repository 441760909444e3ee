// What a call to the mesh ends with when it does not end with an answer: the Problem of the node, or
// one of the gateway's own where no node gave any.
import type { Problem } from "../gen/mesh/v1/task_service.js";
import { DEFAULT_RETRY_AFTER_MS } from "./limits.js";

/** Thrown by every call to the mesh that was refused or found nobody to answer it. */
export class MeshRefusal extends Error {
  override readonly name = "MeshRefusal";

  constructor(
    readonly problem: Problem,
    cause?: unknown,
  ) {
    super(problem.message, cause === undefined ? undefined : { cause });
  }
}

/** A refusal that the caller may try again later, 503. */
export function unavailable(code: string, message: string, cause?: unknown): MeshRefusal {
  const retryAfterMs = DEFAULT_RETRY_AFTER_MS;
  const problem = { code, message, field: "", httpStatus: 503, retryAfterMs, logTimeMs: 0 };
  return new MeshRefusal(problem, cause);
}
