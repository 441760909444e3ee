// What a submission becomes, what it is refused for, when an attempt comes back, and how it ends.
import fc from "fast-check";
import { ulid } from "ulid";
import { describe, expect, test } from "vitest";
import { AttemptOutcome, BackoffType } from "../../../src/gen/mesh/v1/task.js";
import type { SubmitTaskRequest } from "../../../src/gen/mesh/v1/task_service.js";
import { DefinitionCache } from "../../../src/queue/state/definition-cache.js";
import {
  endingOf,
  endingOfLoss,
  LEASE_LOST,
  RESTARTED,
} from "../../../src/queue/task/attempt-ending.js";
import { retryDelayMs } from "../../../src/queue/task/retry-policy.js";
import { defineTask } from "../../../src/queue/task/define-task.js";
import {
  BACKOFF,
  NOW_MS,
  runningTask,
  submission,
  taskDefinition,
  taskReport,
} from "../../support/queue-fixtures.js";

const DEFAULTS = { maxAttempts: 3, backoff: BACKOFF, maxDataBytes: 100 };
const define = (overrides: Partial<SubmitTaskRequest>, id = ulid()) =>
  defineTask(submission(overrides), id, NOW_MS, DEFAULTS);
const DAY_MS = 86_400_000;

describe("a submission", () => {
  test("that says nothing gets every default, resolved", () => {
    const task = define({ data: "" });

    expect(task).toMatchObject({
      queue: "default",
      priority: 5,
      maxAttempts: 3,
      backoff: BACKOFF,
      timeoutMs: 0,
      data: "null",
      createdAtMs: NOW_MS,
      runAtMs: NOW_MS,
    });
  });

  test.each<[string, Partial<SubmitTaskRequest>]>([
    ["type", { type: "" }],
    ["type", { type: "t".repeat(129) }],
    ["queue", { queue: "-bad" }],
    ["queue", { queue: "has space" }],
    ["priority", { priority: 10 }],
    ["maxAttempts", { maxAttempts: 0 }],
    ["maxAttempts", { maxAttempts: 1_001 }],
    ["timeoutMs", { timeoutMs: DAY_MS + 1 }],
    ["idempotencyKey", { idempotencyKey: "k".repeat(257) }],
    ["requires", { requires: Array.from({ length: 17 }, () => "l") }],
    ["requires", { requires: [""] }],
    ["type", { type: "a\u001b[2J" }],
    ["requires", { requires: ["a\u0000"] }],
    ["idempotencyKey", { idempotencyKey: "x\ud800" }],
    ["uniqueKey", { uniqueKey: "x\ud801" }],
    ["data.a.1", { data: '{"a":[0,"\\ud800"]}' }],
    ["data", { data: "1e999" }],
    ["data.n", { data: '{"n":9007199254740993}' }],
    ["data.n", { data: '{"n":1,"n":2}' }],
    ["data", { data: "{not json" }],
    ["data", { data: JSON.stringify("é".repeat(60)) }],
    ["delayMs", { delayMs: -1 }],
    ["delayMs", { delayMs: 4_000 * DAY_MS }],
    ["runAt", { runAtMs: NOW_MS + 4_000 * DAY_MS }],
    ["runAt", { runAtMs: NOW_MS, delayMs: 5 }],
    ["backoff.jitter", { backoff: { ...BACKOFF, jitter: 1.5 } }],
    ["backoff.jitter", { backoff: { ...BACKOFF, jitter: Number.NaN } }],
    ["backoff.delayMs", { backoff: { ...BACKOFF, delayMs: DAY_MS + 1 } }],
    ["backoff.maxMs", { backoff: { ...BACKOFF, maxMs: DAY_MS + 1 } }],
  ])("is refused naming %s where that is wrong: %j", (field, overrides) => {
    expect(() => define(overrides)).toThrow(
      expect.objectContaining({ code: "invalid_field", field }) as Error,
    );
  });

  test("is refused where its id is no ULID", () => {
    expect(() => define({}, "mine")).toThrow(expect.objectContaining({ field: "id" }) as Error);
  });

  test("of a time that has passed runs now", () => {
    expect(define({ runAtMs: NOW_MS - 5 }).runAtMs).toBe(NOW_MS);
  });

  test("is not refused for a trace that is far too long: the trace is dropped", () => {
    expect(define({ traceparent: "0".repeat(100_000) }).traceparent).toBe("");
  });
});

describe("the wait before the next attempt", () => {
  const backoff = fc.record({
    type: fc.constantFrom(BackoffType.EXPONENTIAL, BackoffType.FIXED),
    delayMs: fc.nat(DAY_MS),
    maxMs: fc.nat(DAY_MS),
    jitter: fc.double({ min: 0, max: 1, noNaN: true }),
  });
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

  test("is never longer than maxMs, nor than the delay with its jitter, and never below delayMs", () => {
    fc.assert(
      fc.property(backoff, fc.integer({ min: 1, max: 1_000 }), random, (asked, attempt, dice) => {
        const factor = asked.type === BackoffType.FIXED ? 1 : 2 ** Math.min(attempt - 1, 40);
        const wait = asked.delayMs * factor;

        const waitMs = retryDelayMs(asked, attempt, () => dice);

        expect(Number.isSafeInteger(waitMs)).toBe(true);
        expect(waitMs).toBeLessThanOrEqual(asked.maxMs);
        expect(waitMs).toBeLessThanOrEqual(Math.ceil(wait * (1 + asked.jitter)));
        expect(waitMs).toBeGreaterThanOrEqual(Math.min(asked.delayMs, asked.maxMs));
        if (wait * (1 + asked.jitter) <= asked.maxMs) {
          expect(waitMs).toBeGreaterThanOrEqual(wait);
        }
      }),
    );
  });

  test("is spread at its bound as well, below it", () => {
    const asked = { ...BACKOFF, delayMs: 100, maxMs: 1_000, jitter: 1 };
    const waits = [0, 0.5, 0.999].map((dice) => retryDelayMs(asked, 20, () => dice));

    expect(waits).toEqual([500, 750, 1_000]);
  });

  test("doubles with each attempt up to its bound", () => {
    const asked = { ...BACKOFF, jitter: 0, delayMs: 100, maxMs: 500 };
    const waits = [1, 2, 3, 4, 1_000].map((attempt) => retryDelayMs(asked, attempt, () => 0));

    expect(waits).toEqual([100, 200, 400, 500, 500]);
  });
});

describe("the end of an attempt", () => {
  const losses = { maxLosses: 3, maxLapses: 5, delayMs: 1_000, maxDelayMs: 3_000 };
  const rules = { losses, nowMs: NOW_MS, random: () => 0 };
  const failed = (retryable: boolean) =>
    taskReport("a", 7, {
      $case: "failure",
      value: { error: { name: "E", message: "m", stack: "" }, retryable, timedOut: false },
    });
  const outcomeOf = (ending: ReturnType<typeof endingOf>) =>
    ending.kind === "finish" ? ending.finish.outcome?.$case : AttemptOutcome[ending.release.reason];

  test.each([
    ["a result completes it", runningTask("a", 7), taskReport("a", 7), "completed"],
    ["a failure brings it back", runningTask("a", 7), failed(true), "retry"],
    [
      "the last attempt's failure kills it",
      runningTask("a", 7, { attempt: 3 }),
      failed(true),
      "dead",
    ],
    ["one that cannot be helped kills it", runningTask("a", 7), failed(false), "dead"],
    [
      "handing it back does not count",
      runningTask("a", 7),
      taskReport("a", 7, { $case: "handedBack", value: "no slot" }),
      "HANDED_BACK",
    ],
    [
      "a restart of its node counts as a loss",
      runningTask("a", 7),
      taskReport("a", 7, { $case: "handedBack", value: RESTARTED }),
      "LOST",
    ],
    [
      "an outcome of a later version counts as a loss",
      runningTask("a", 7),
      { ...taskReport("a", 7), outcome: undefined },
      "LOST",
    ],
  ])("%s", (_what, running, report, expected) => {
    expect(outcomeOf(endingOf(running, report, rules))).toBe(expected);
  });

  test.each([
    ["right", 20, 90, 20, 90],
    ["ahead", 400 * DAY_MS + 20, 400 * DAY_MS + 90, 30, 100],
    ["behind", -400 * DAY_MS + 20, -400 * DAY_MS + 90, 0, 70],
    ["set back while it ran", 20, -60_000, 0, 0],
    ["set forward while it ran", 20, 400 * DAY_MS, 0, 100],
  ])(
    "is when log time bears it out, where the worker's clock is %s",
    (_clock, started, finished, expectedStart, expectedEnd) => {
      const running = { ...runningTask("a", 7), assignedAtMs: NOW_MS };
      const report = {
        ...taskReport("a", 7),
        startedAtMs: NOW_MS + started,
        finishedAtMs: NOW_MS + finished,
      };

      const ending = endingOf(running, report, { ...rules, nowMs: NOW_MS + 100 });

      expect(ending).toMatchObject({
        finish: { startedAtMs: NOW_MS + expectedStart, finishedAtMs: NOW_MS + expectedEnd },
      });
    },
  );

  test("a task under which too many nodes were lost is dead", () => {
    const lost = (losses: number) =>
      outcomeOf(endingOfLoss(runningTask("a", 7, { losses }), "gone", rules, RESTARTED));

    expect([lost(0), lost(1), lost(2)]).toEqual(["LOST", "LOST", "dead"]);
  });

  test("a lease that ran out under a process that lives is no loss of a node", () => {
    const many = runningTask("a", 7, { losses: 2, lapses: 3 });

    expect(outcomeOf(endingOfLoss(many, "lapsed", rules, LEASE_LOST))).toBe("LAPSED");
    expect(
      outcomeOf(endingOfLoss(runningTask("a", 7, { lapses: 4 }), "lapsed", rules, LEASE_LOST)),
    ).toBe("dead");
  });

  test("goes on at once after the first loss, then waits longer each time up to a bound", () => {
    const waits = [0, 1, 2, 3, 4].map((lapses) => {
      const kind = endingOfLoss(
        runningTask("a", 7, { lapses }),
        "lapsed",
        {
          ...rules,
          losses: { ...losses, maxLapses: 100 },
        },
        LEASE_LOST,
      );
      return kind.kind === "release" ? kind.release.runAtMs : "dead";
    });

    expect(waits).toEqual(
      [0, 1_000, 2_000, 3_000, 3_000].map((ms) => (ms === 0 ? 0 : NOW_MS + ms)),
    );
  });
});

describe("the cache of definitions", () => {
  test("forgets the oldest past its bound, with their keys", () => {
    const cache = new DefinitionCache(5_000);
    for (let at = 0; at < 100; at += 1) {
      cache.add(taskDefinition(`t${at}`, { idempotencyKey: `k${at}` }));
    }

    expect(cache.get("t0")).toBeUndefined();
    expect(cache.ofKey("k0", NOW_MS)).toBeUndefined();
    expect(cache.ofKey("k99", NOW_MS)?.id).toBe("t99");
  });

  test("knows a key as long as its window lasts, and not longer", () => {
    const cache = new DefinitionCache(5_000);
    cache.add(taskDefinition("a", { idempotencyKey: "k" }));

    expect(cache.ofKey("k", NOW_MS + DAY_MS - 1)?.id).toBe("a");
    expect(cache.ofKey("k", NOW_MS + DAY_MS)).toBeUndefined();
  });
});
