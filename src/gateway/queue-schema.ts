// What PUT /queues/{name} takes, and queues in the form that HTTP shows.
import { z } from "zod";
import { QUEUE_LIMITS as MAX } from "../input/request-limits.js";
import type { LimitQueueRequest, Queue } from "../gen/mesh/v1/queue_service.js";
import { validated } from "./validated.js";

const limits = z.strictObject({
  concurrency: z.int().min(1).max(MAX.concurrency).nullish(),
  rate: z
    .strictObject({
      count: z.int().min(1).max(MAX.rateCount),
      perMs: z.int().min(1).max(MAX.ratePerMs),
      burst: z.int().min(1).max(MAX.rateCount).nullish(),
    })
    .nullish(),
  weight: z.int().min(1).max(MAX.weight).nullish(),
});

/** What is not named has no limit, and weight 1. @throws HttpProblem 422 naming every field at fault */
export function limitsFrom(name: string, body: unknown): LimitQueueRequest {
  const { concurrency, rate, weight } = validated(limits, body);
  return {
    name,
    limits: {
      concurrency: concurrency ?? 0,
      rate: rate ? { ...rate, burst: rate.burst ?? 0 } : undefined,
      weight: weight ?? 0,
    },
  };
}

/** A queue as clients see it: null where it has no bound, and for counts while Redis is away. */
export function queueView({ controls, counts }: Queue): Record<string, unknown> {
  const { concurrency = 0, rate, weight = 1 } = controls?.limits ?? {};
  return {
    name: controls?.name,
    paused: controls?.paused,
    concurrency: concurrency === 0 ? null : concurrency,
    rate: rate ?? null,
    weight,
    counts: counts ?? null,
  };
}
