// Bounds the bodies that a gateway has in its hands. A large one is charged as it arrives; a small one,
// which may not take more room than the headers before it, once it is there, and to a share of its own:
// uploads, however many and slow, keep no small submission waiting.
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { BodyPool } from "./body-pool.js";
import { type BodyPace, MeteredBody, tooMany } from "./metered-body.js";
import { WeightedSemaphore } from "./weighted-semaphore.js";

/** A body that announces more is charged as it arrives. */
const SMALL_BODY_BYTES = 16_384;
/** Part of all room that only small bodies take. */
const SMALL_SHARE = 1 / 8;

export interface BodyBudget extends BodyPace {
  /** Of all bodies together; one that is larger, or the first of those that fill it, goes past it. */
  readonly maxBytes: number;
}

/**
 * Holds every request with a body to the budget: 503 where it has waited too long for room, 408 where
 * it holds some and does not come on. What it holds it gives back when its answer is made.
 */
export function boundBodies(app: FastifyInstance, { maxBytes, ...pace }: BodyBudget): void {
  const small = new WeightedSemaphore(Math.max(SMALL_BODY_BYTES, maxBytes * SMALL_SHARE));
  const pool = new BodyPool(maxBytes * (1 - SMALL_SHARE));
  const releases = new WeakMap<FastifyRequest, () => void>();
  const hold = (request: FastifyRequest, reply: FastifyReply, release: () => void): void => {
    const once = (): void => {
      if (releases.delete(request)) release();
    };
    releases.set(request, once);
    if (reply.raw.destroyed) once();
    else reply.raw.once("close", once);
  };
  app.addHook("preParsing", (request, reply, payload, done) => {
    if (announcedBytes(request) <= SMALL_BODY_BYTES) {
      done(null, payload);
      return;
    }
    const charge = pool.open();
    hold(request, reply, () => charge.release());
    const body = new MeteredBody(charge, pace);
    letFlow(request, body, reply);
    done(null, payload.pipe(body));
  });
  app.addHook("preValidation", (request, reply, done) => {
    const bytes = announcedBytes(request);
    if (bytes === 0 || bytes > SMALL_BODY_BYTES) {
      done();
      return;
    }
    const take = (): void => hold(request, reply, () => small.release(bytes));
    if (small.tryAcquire(bytes)) {
      take();
      done();
      return;
    }
    void small.acquire(bytes, pace.waitMs).then((granted) => {
      if (granted) take();
      done(granted ? undefined : tooMany());
    });
  });
  app.addHook("onSend", (request, _reply, payload, done) => {
    releases.get(request)?.();
    done(null, payload);
  });
}

/** Of a body without a length: more than a small one has. */
function announcedBytes({ headers }: FastifyRequest): number {
  if (headers["transfer-encoding"] !== undefined) return Infinity;
  return Number(headers["content-length"] ?? 0);
}

/** Ends the one where the other has ended before it was whole. */
function letFlow({ raw }: FastifyRequest, body: MeteredBody, reply: FastifyReply): void {
  const broken = (): void => {
    if (!raw.complete) body.destroy(new Error("the client hung up"));
  };
  raw.once("close", broken);
  body.once("close", () => raw.off("close", broken));
  body.once("error", () => {
    // The rest of it is let go as it comes: the connection is of no more use.
    raw.unpipe(body);
    raw.resume();
    if (!reply.sent) reply.header("connection", "close");
  });
}
