import { describe, expect, test, vi } from "vitest";

import { NonRetryableError } from "../../src/worker/handler.js";
import { MAX_ERROR_MESSAGE_LENGTH, MAX_ERROR_STACK_LENGTH } from "../../src/worker/outcome.js";
import { assignmentOf, benchWith, turns } from "./support.js";

const bare = Object.create(null) as Error;
/** An array in an array, and so on. */
const nested = (levels: number): unknown => (levels === 0 ? 0 : [nested(levels - 1)]);
const noError = "text" as unknown as Error;

/** What handlers throw that are not checked as strictly as this file is. */
const thrownAs = (value: unknown): Error => value as Error;

/** Whatever is read of it throws. */
function revoked(target: object = {}): object {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

function cycle(): object {
  const one: Record<string, unknown> = {};
  one["self"] = one;
  return one;
}

function hostile(): object {
  return Object.defineProperty({}, "field", {
    enumerable: true,
    get: () => {
      throw new Error("never to be read");
    },
  });
}

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
      none: () => Promise.reject(thrownAs({ name: "NonRetryableError", message: "bad" })),
    });
    executor.run(assignmentOf("ours", { taskId: "a" }));
    executor.run(assignmentOf("theirs", { taskId: "b" }));
    executor.run(assignmentOf("none", { taskId: "c" }));
    await vi.waitFor(() => expect(reports).toHaveLength(3));
    for (const { outcome } of reports)
      expect(outcome).toMatchObject({ value: { retryable: false, error: { message: "bad" } } });
  });

  test.each([
    ["a revoked proxy", () => revoked(), "NonError", "a value that cannot be read: object"],
    ["a revoked proxy of a function", () => revoked(() => 1), "NonError", ""],
    ["a symbol", () => Symbol("odd"), "NonError", "Symbol(odd)"],
    ["a function", () => () => 1, "NonError", "() => 1"],
    ["a bigint", () => 12n, "NonError", "12"],
    ["nothing", () => undefined, "NonError", "undefined"],
    ["an object with a cycle", () => cycle(), "NonError", "a value that cannot be read: object"],
    [
      "an object whose text throws",
      () => hostile(),
      "NonError",
      "a value that cannot be read: object",
    ],
    [
      "what is named as an error is",
      () => ({ name: "Odd", message: "no class" }),
      "Odd",
      "no class",
    ],
  ])("describes whatever is thrown: %s", async (_name, thrown, name, message) => {
    const { executor, reports } = benchWith({ h: () => Promise.reject(thrownAs(thrown())) });
    executor.run(assignmentOf("h"));
    await vi.waitFor(() => expect(reports).toHaveLength(1));
    expect(reports[0]?.outcome).toMatchObject({
      value: {
        error: { name, message: expect.stringContaining(message) as unknown },
        retryable: true,
      },
    });
  });

  test.each([
    ["a symbol", () => Symbol("odd"), "a symbol"],
    ["a revoked proxy", () => revoked(), "proxy"],
    ["a getter that throws", () => hostile(), "never"],
    [
      "a toJSON that throws what cannot be read",
      () => ({
        toJSON: () => {
          throw thrownAs(revoked());
        },
      }),
      "cannot be read",
    ],
  ])("describes a result that cannot be kept: %s", async (_name, result, text) => {
    const { executor, reports } = benchWith({ h: result });
    executor.run(assignmentOf("h"));
    await vi.waitFor(() => expect(reports).toHaveLength(1));
    const outcome = reports[0]?.outcome;
    if (outcome?.$case !== "failure") throw new Error("a failure was expected");
    expect(outcome.value.error?.message).toContain(text);
  });

  test("keeps the stacks of an error's causes, each within its share", async () => {
    const innermost = new RangeError("innermost");
    const error = new Error("outer", { cause: new Error("middle", { cause: innermost }) });
    error.stack = `Error: outer\n${"    at somewhere\n".repeat(10_000)}`;
    const { executor, reports } = benchWith({ h: () => Promise.reject(error) });
    executor.run(assignmentOf("h"));
    await vi.waitFor(() => expect(reports).toHaveLength(1));
    const outcome = reports[0]?.outcome;
    if (outcome?.$case !== "failure") throw new Error("a failure was expected");
    const stack = outcome.value.error?.stack ?? "";
    expect(stack.length).toBeLessThanOrEqual(MAX_ERROR_STACK_LENGTH);
    expect(stack.split("\ncaused by: ").map((one) => one.slice(0, 22).trim())).toEqual([
      expect.stringMatching(/^Error: outer/),
      expect.stringMatching(/^Error: middle/),
      expect.stringMatching(/^RangeError: innermost/),
    ]);
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
