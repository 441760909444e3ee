import { describe, expect, test, vi } from "vitest";

import { NonRetryableError } from "../../src/worker/handler.js";
import { MAX_ERROR_MESSAGE_LENGTH, MAX_ERROR_STACK_LENGTH } from "../../src/worker/outcome.js";
import { assignmentOf, benchWith, turns } from "./support.js";

const bare = Object.create(null) as Error;
/** An array in an array, and so on. */
const nested = (levels: number): unknown => (levels === 0 ? 0 : [nested(levels - 1)]);
const noError = "text" as unknown as Error;

describe("Executor: outcomes", () => {
  test("reports a handler's result as JSON with its fence and times", async () => {
    const times = [1_000, 1_250];
    const { executor, reports } = benchWith(
      { greet: (task, context) => ({ hello: task.data, fence: context.fence }) },
      { nowMs: () => times.shift() ?? 0 },
    );
    executor.run(assignmentOf("greet", { dataJson: '"you"' }));
    await vi.waitFor(() => {
      expect(reports).toEqual([
        {
          taskId: "t1",
          fence: 7,
          startedAtMs: 1_000,
          finishedAtMs: 1_250,
          outcome: { $case: "result", value: '{"hello":"you","fence":7}' },
        },
      ]);
    });
    expect(executor.counts()).toEqual({ running: 0, waiting: 0, completed: 1, failed: 0 });
  });

  test("does not start a handler within the call that hands out the assignment", async () => {
    let started = false;
    const { executor, reports } = benchWith({ mark: () => (started = true) });
    executor.run(assignmentOf("mark"));
    expect(started).toBe(false);
    await vi.waitFor(() => expect(reports).toHaveLength(1));
    expect(started).toBe(true);
  });

  test.each([
    ["a value of undefined as null", () => undefined, "null"],
    ["a null", () => null, "null"],
    ["a promise's value", () => Promise.resolve([1]), "[1]"],
  ])("keeps %s", async (_name, handler, json) => {
    const { executor, reports } = benchWith({ h: handler });
    executor.run(assignmentOf("h"));
    await vi.waitFor(() => {
      expect(reports[0]?.outcome).toEqual({ $case: "result", value: json });
    });
  });

  test.each([
    ["a bigint", () => 1n, "BigInt"],
    ["a function", () => () => 1, "not JSON: a function"],
    [
      "a cycle",
      () => {
        const cycle: Record<string, unknown> = {};
        cycle["self"] = cycle;
        return cycle;
      },
      "circular",
    ],
    ["a result over the bound", () => "x".repeat(200), "202 bytes"],
  ])("fails for good on %s as a result", async (_name, handler, text) => {
    const { executor, reports } = benchWith({ h: handler }, { maxResultBytes: 100 });
    executor.run(assignmentOf("h"));
    await vi.waitFor(() => {
      expect(reports[0]?.outcome).toMatchObject({
        $case: "failure",
        value: {
          error: { name: "UnusableResult", message: expect.stringContaining(text) as unknown },
          retryable: false,
          timedOut: false,
        },
      });
    });
  });

  test.each([
    [
      "throws synchronously",
      () => {
        throw new TypeError("no");
      },
      "TypeError",
      "no",
    ],
    ["rejects", () => Promise.reject(new RangeError("far")), "RangeError", "far"],
    ["rejects with a string", () => Promise.reject(noError), "NonError", "text"],
    [
      "rejects with undefined",
      () => Promise.reject(undefined as unknown as Error),
      "NonError",
      "undefined",
    ],
    ["rejects with an object that has no prototype", () => Promise.reject(bare), "NonError", "{}"],
  ])("reports a retryable failure where a handler %s", async (_name, handler, name, message) => {
    const { executor, reports } = benchWith({ h: handler });
    executor.run(assignmentOf("h"));
    await vi.waitFor(() => {
      expect(reports[0]?.outcome).toMatchObject({
        $case: "failure",
        value: { error: { name, message }, retryable: true, timedOut: false },
      });
    });
    expect(executor.counts()).toMatchObject({ running: 0, failed: 1 });
  });

  test("survives an error whose own properties throw", async () => {
    const hostile = new Error("x");
    Object.defineProperty(hostile, "message", {
      get: () => {
        throw new Error("ha");
      },
    });
    const { executor, reports } = benchWith({ h: () => Promise.reject(hostile) });
    executor.run(assignmentOf("h"));
    await vi.waitFor(() => expect(reports[0]?.outcome?.$case).toBe("failure"));
  });

  test.each([
    ["half a character", ["\ud800"], "the handler's result.0 has half of a surrogate pair"],
    ["no end of nesting", nested(101), "is nested more than 100 levels deep"],
  ])("refuses a result with %s", async (_what, value, said) => {
    const { executor, reports } = benchWith({ h: () => value });
    executor.run(assignmentOf("h"));
    await vi.waitFor(() => expect(reports).toHaveLength(1));
    expect(reports[0]?.outcome).toMatchObject({
      value: {
        error: { name: "UnusableResult", message: expect.stringContaining(said) as string },
        retryable: false,
      },
    });
  });

  test("survives a thenable that resolves, then rejects, then throws", async () => {
    const thenable = {
      then(resolve: (value: string) => void, reject: (error: Error) => void): void {
        resolve("first");
        reject(new Error("second"));
        throw new Error("third");
      },
    };
    const { executor, reports } = benchWith({ h: () => thenable });
    executor.run(assignmentOf("h"));
    await vi.waitFor(() => expect(reports).toHaveLength(1));
    await turns();
    expect(reports.map((report) => report.outcome)).toEqual([
      { $case: "result", value: '"first"' },
    ]);
  });

  test("takes an error named NonRetryableError as final, whichever class it is of", async () => {
    const { executor, reports } = benchWith({
      ours: () => Promise.reject(new NonRetryableError("bad")),
      theirs: () => Promise.reject(Object.assign(new Error("bad"), { name: "NonRetryableError" })),
    });
    executor.run(assignmentOf("ours", { taskId: "a" }));
    executor.run(assignmentOf("theirs", { taskId: "b" }));
    await vi.waitFor(() => expect(reports).toHaveLength(2));
    for (const { outcome } of reports)
      expect(outcome).toMatchObject({ value: { retryable: false } });
  });

  test("bounds an error's texts", async () => {
    const huge = new Error("m".repeat(100_000));
    const { executor, reports } = benchWith({ h: () => Promise.reject(huge) });
    executor.run(assignmentOf("h"));
    await vi.waitFor(() => expect(reports).toHaveLength(1));
    const outcome = reports[0]?.outcome;
    if (outcome?.$case !== "failure") throw new Error("a failure was expected");
    expect(outcome.value.error?.message).toHaveLength(MAX_ERROR_MESSAGE_LENGTH);
    expect(outcome.value.error?.stack.length).toBeLessThanOrEqual(MAX_ERROR_STACK_LENGTH);
  });

  test("fails for good where the data is not JSON", async () => {
    const { executor, reports } = benchWith({ h: () => 1 });
    executor.run(assignmentOf("h", { dataJson: "{" }));
    await vi.waitFor(() => {
      expect(reports[0]?.outcome).toMatchObject({
        value: { error: { name: "BadData" }, retryable: false },
      });
    });
  });
});
