// The gateway and the node check the same bounds: what one takes the other does not refuse.
import { ulid } from "ulid";
import { expect, test } from "vitest";
import { SUBMISSION_LIMITS as MAX } from "../../src/input/request-limits.js";
import { submissionFrom } from "../../src/gateway/submission-schema.js";
import { defineTask } from "../../src/queue/task/define-task.js";
import { BACKOFF, NOW_MS } from "../support/queue-fixtures.js";

const context = {
  backoff: { type: "exponential", delayMs: 1_000, maxMs: 60_000, jitter: 0.2 },
  idempotencyKey: undefined,
  traceparent: undefined,
} as const;
const defaults = { maxAttempts: 3, backoff: BACKOFF, maxDataBytes: 100 };

const atGateway = (body: object) => submissionFrom({ type: "process", ...body }, context);
const atNode = (body: object) =>
  defineTask({ ...atGateway({}), ...body }, ulid(), NOW_MS, defaults);

const bounds: readonly (readonly [string, (past: number) => object])[] = [
  ["type", (past) => ({ type: "t".repeat(MAX.typeLength + past) })],
  ["priority", (past) => ({ priority: MAX.priority + past })],
  ["maxAttempts", (past) => ({ maxAttempts: MAX.attempts + past })],
  ["timeoutMs", (past) => ({ timeoutMs: MAX.attemptMs + past })],
  ["delayMs", (past) => ({ delayMs: MAX.aheadMs + past })],
  ["deadlineMs", (past) => ({ deadlineMs: MAX.aheadMs + past })],
  ["idempotencyKey", (past) => ({ idempotencyKey: "k".repeat(MAX.keyLength + past) })],
  ["uniqueKey", (past) => ({ uniqueKey: "k".repeat(MAX.keyLength + past) })],
  ["requires", (past) => ({ requires: Array.from({ length: MAX.labels + past }, () => "l") })],
  ["requires", (past) => ({ requires: ["l".repeat(MAX.typeLength + past)] })],
  ["after", (past) => ({ after: Array.from({ length: MAX.dependencies + past }, () => ulid()) })],
  ["backoff", (past) => ({ backoff: { ...context.backoff, maxMs: MAX.attemptMs + past } })],
];

test.each(bounds)("%s is taken up to its bound, and refused past it, by both", (_field, body) => {
  expect(() => atGateway(body(0))).not.toThrow();
  expect(() => atNode(body(0))).not.toThrow();
  expect(() => atGateway(body(1))).toThrow();
  expect(() => atNode(body(1))).toThrow();
});
