// Bounds the bodies that a gateway has in its hands: one that would be too much is not read from its
// connection until others have been answered.
import type { FastifyInstance, FastifyRequest } from "fastify";
import { HttpProblem } from "./problem.js";
import { WeightedSemaphore } from "./weighted-semaphore.js";

export interface BodyBudget {
  /** Of all bodies together, from before they are read until they are answered; a larger one goes alone. */
  readonly maxBytes: number;
  /** How long a body waits before it is refused, in milliseconds. */
  readonly waitMs: number;
}

/** Holds every request with a body to the budget: 503 where it has waited too long. */
export function boundBodies(app: FastifyInstance, { maxBytes, waitMs }: BodyBudget): void {
  const detail = `bodies of ${maxBytes} bytes are being answered already`;
  const budget = new WeightedSemaphore(maxBytes);
  app.addHook("onRequest", async (request, reply) => {
    const bytes = Math.min(maxBytes, bodyBytes(request));
    if (bytes === 0) return;
    if (!(await budget.acquire(bytes, waitMs))) {
      throw new HttpProblem(503, "overloaded", detail, { retryAfterMs: 1_000 });
    }
    const release = (): void => budget.release(bytes);
    if (reply.raw.destroyed) release();
    else reply.raw.once("close", release);
  });
}

/** As announced; of a body without a length the most that would be read of it. */
function bodyBytes({ headers, routeOptions }: FastifyRequest): number {
  const { bodyLimit } = routeOptions;
  if (headers["transfer-encoding"] !== undefined) return bodyLimit;
  return Math.min(bodyLimit, Number(headers["content-length"] ?? 0));
}
