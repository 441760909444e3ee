// What a client may ask for at most: checked by the gateway, which names every field at fault at once,
// and by the node, which gRPC clients call without a gateway.

const DAY_MS = 86_400_000;

/** Bounds of a submission, and of what a schedule submits. */
export const SUBMISSION_LIMITS = {
  /** Characters of a type or a label. */
  typeLength: 128,
  labels: 16,
  /** Characters of an idempotency key or a unique key. */
  keyLength: 256,
  priority: 9,
  attempts: 1_000,
  /** Of one attempt, and of the waits between attempts. */
  attemptMs: DAY_MS,
  /** How far ahead a task may be put off, and its deadline lie: ten years, leap days and all. */
  aheadMs: 3_660 * DAY_MS,
  /** Tasks that one task waits for. */
  dependencies: 100,
} as const;

/** Bounds of a schedule, in characters. */
export const SCHEDULE_LIMITS = { cronLength: 256, timezoneLength: 64 } as const;

/** Bounds of what is set for a queue. */
export const QUEUE_LIMITS = {
  concurrency: 1_000_000,
  rateCount: 1_000_000,
  ratePerMs: DAY_MS,
  weight: 1_000,
} as const;
