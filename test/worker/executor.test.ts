import { afterEach, describe, expect, test, vi } from "vitest";

import { AttemptAborted } from "../../src/worker/handler.js";
import { MAX_WAITING_PER_SLOT } from "../../src/worker/executor.js";
import {
  LineAllowance,
  LINES_AT_ONCE,
  LINES_PER_SECOND,
  type LogLine,
  MAX_LINE_LENGTH,
} from "../../src/worker/log-line.js";
import { assignmentOf, benchWith, deferred, turns } from "./support.js";

const never = (): Promise<never> => new Promise<never>(() => undefined);

afterEach(() => {
  vi.useRealTimers();
});

describe("Executor: slots", () => {
  test("runs no more handlers at a time than it has slots, the others in order", async () => {
    const gates = new Map<unknown, ReturnType<typeof deferred<string>>>();
    const order: unknown[] = [];
    const { executor, reports } = benchWith({
      gated: (task) => {
        order.push(task.id);
        const gate = deferred<string>();
        gates.set(task.id, gate);
        return gate.promise;
      },
    });
    for (const taskId of ["a", "b", "c", "d"]) executor.run(assignmentOf("gated", { taskId }));
    await vi.waitFor(() => expect(order).toEqual(["a", "b"]));
    expect(executor.counts()).toMatchObject({ running: 2, waiting: 2 });
    gates.get("b")?.resolve("done");
    await vi.waitFor(() => expect(order).toEqual(["a", "b", "c"]));
    expect(executor.counts()).toMatchObject({ running: 2, waiting: 1 });
    expect(reports.map((report) => report.taskId)).toEqual(["b"]);
    await executor.stop(0);
  });

  test("hands back what does not fit among those that wait", () => {
    const { executor, reports } = benchWith({ never }, { slots: 1 });
    for (let n = 0; n <= MAX_WAITING_PER_SLOT; n += 1) {
      executor.run(assignmentOf("never", { taskId: `t${n}` }));
    }
    expect(reports.map(({ taskId, outcome }) => [taskId, outcome?.$case])).toEqual([
      [`t${MAX_WAITING_PER_SLOT}`, "handedBack"],
    ]);
  });

  test("hands back a task of a type that it has no handler for", () => {
    const { executor, reports } = benchWith({});
    executor.run(assignmentOf("unheard-of"));
    expect(reports[0]?.outcome).toEqual({
      $case: "handedBack",
      value: 'the node has no handler for type "unheard-of"',
    });
  });

  test("runs an assignment once although it is given twice", async () => {
    let runs = 0;
    const { executor, reports } = benchWith({ count: () => (runs += 1) });
    executor.run(assignmentOf("count"));
    executor.run(assignmentOf("count"));
    await vi.waitFor(() => expect(reports).toHaveLength(1));
    await turns();
    expect(runs).toBe(1);
  });

  test("lets a newer assignment of a task supersede the older and ignores an older one", async () => {
    const aborted: unknown[] = [];
    const { executor, reports } = benchWith({
      h: (_task, { signal, fence }) => {
        if (fence !== 7) return fence;
        signal.addEventListener("abort", () => aborted.push(signal.reason));
        return never();
      },
    });
    executor.run(assignmentOf("h", { fence: 7 }));
    await vi.waitFor(() => expect(executor.counts().running).toBe(1));
    executor.run(assignmentOf("h", { fence: 6 }));
    expect(executor.assignments().map(({ fence }) => fence)).toEqual([7]);
    executor.run(assignmentOf("h", { fence: 9 }));
    await vi.waitFor(() => expect(reports).toHaveLength(1));
    expect(reports[0]).toMatchObject({ fence: 9, outcome: { value: "9" } });
    expect(aborted).toEqual([new AttemptAborted("superseded")]);
  });
});

describe("Executor: taking away", () => {
  test.each(["cancelled", "lease-lost", "superseded"] as const)(
    "tells a handler that it was %s, and reports nothing of what it does then",
    async (reason) => {
      let seen: unknown;
      const gate = deferred<string>();
      const { executor, reports } = benchWith({
        h: (_task, { signal }) => {
          signal.addEventListener("abort", () => {
            seen = signal.reason;
          });
          return gate.promise;
        },
      });
      executor.run(assignmentOf("h"));
      await vi.waitFor(() => expect(executor.counts().running).toBe(1));
      expect(executor.abort("t1", 7, reason)).toBe(true);
      expect(seen).toEqual(new AttemptAborted(reason));
      expect(executor.counts().running).toBe(0);
      gate.resolve("too late");
      await turns();
      expect(reports).toEqual([]);
      expect(executor.counts()).toMatchObject({ completed: 0, failed: 0 });
    },
  );

  test("leaves a task alone when asked with another fence", async () => {
    const { executor } = benchWith({ never });
    executor.run(assignmentOf("never"));
    expect(executor.abort("t1", 8, "cancelled")).toBe(false);
    await vi.waitFor(() => expect(executor.counts().running).toBe(1));
    expect(executor.abort("t1", 8, "cancelled")).toBe(false);
    expect(executor.abort("t1", 7, "cancelled")).toBe(true);
  });

  test("never starts a task that was taken away while it waited", async () => {
    let runs = 0;
    const { executor, reports } = benchWith({ h: () => (runs += 1) });
    executor.run(assignmentOf("h"));
    expect(executor.abortAll("lease-lost")).toBe(1);
    await turns();
    expect([runs, reports.length]).toEqual([0, 0]);
  });

  test("goes on where an abort listener of a handler throws nothing but the handler ignores it", async () => {
    const { executor, reports } = benchWith({ never, ok: () => "ok" }, { slots: 1 });
    executor.run(assignmentOf("never", { taskId: "stuck" }));
    await vi.waitFor(() => expect(executor.counts().running).toBe(1));
    executor.run(assignmentOf("ok", { taskId: "next" }));
    executor.abort("stuck", 7, "cancelled");
    await vi.waitFor(() => expect(reports.map(({ taskId }) => taskId)).toEqual(["next"]));
  });
});

describe("Executor: time", () => {
  test("fails an attempt that takes too long, aborts it, and ignores its late result", async () => {
    vi.useFakeTimers();
    let reason: unknown;
    const gate = deferred<string>();
    const { executor, reports } = benchWith({
      slow: (_task, { signal }) => {
        signal.addEventListener("abort", () => {
          reason = signal.reason;
        });
        return gate.promise;
      },
    });
    executor.run(assignmentOf("slow", { timeoutMs: 5_000 }));
    await vi.advanceTimersByTimeAsync(4_999);
    expect(reports).toEqual([]);
    await vi.advanceTimersByTimeAsync(2);
    expect(reports.map(({ outcome }) => outcome)).toEqual([
      {
        $case: "failure",
        value: {
          error: { name: "timeout", message: "the handler did not end within 5000 ms", stack: "" },
          retryable: true,
          timedOut: true,
        },
      },
    ]);
    expect(reason).toEqual(new AttemptAborted("timed-out"));
    gate.resolve("late");
    await vi.advanceTimersByTimeAsync(10);
    expect(reports).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("leaves no timer behind where attempts end, fail or are taken away in time", async () => {
    vi.useFakeTimers();
    const { executor } = benchWith(
      { ok: () => 1, bad: () => Promise.reject(new Error("no")), never },
      { slots: 3 },
    );
    executor.run(assignmentOf("ok", { taskId: "a", timeoutMs: 9_000 }));
    executor.run(assignmentOf("bad", { taskId: "b", timeoutMs: 9_000 }));
    executor.run(assignmentOf("never", { taskId: "c", timeoutMs: 9_000 }));
    await vi.advanceTimersByTimeAsync(1);
    executor.abort("c", 7, "cancelled");
    expect(executor.counts()).toMatchObject({ running: 0, completed: 1, failed: 1 });
    expect(vi.getTimerCount()).toBe(0);
  });

  test("does not cut short a timeout of more days than a timer can hold", async () => {
    vi.useFakeTimers();
    const { executor, reports } = benchWith({ never });
    const thirtyDaysMs = 30 * 86_400_000;
    executor.run(assignmentOf("never", { timeoutMs: thirtyDaysMs }));
    await vi.advanceTimersByTimeAsync(thirtyDaysMs - 10);
    expect(reports).toEqual([]);
    await vi.advanceTimersByTimeAsync(20);
    expect(reports).toHaveLength(1);
  });
});

describe("Executor: progress", () => {
  test("passes on clamped progress at a bounded rate, the last of it at the end, and none after", async () => {
    let nowMs = 0;
    const seen: number[] = [];
    let escape: ((percent: number) => void) | undefined;
    const { executor, reports } = benchWith(
      {
        h: (_task, { progress }) => {
          escape = progress;
          for (const [atMs, percent] of [
            [0, -5],
            [10, 20],
            [300, 50],
            [600, Number.NaN],
            [700, 400],
            [710, 30],
            [720, 40],
          ] as const) {
            nowMs = atMs;
            progress(percent);
          }
        },
      },
      { nowMs: () => nowMs, progress: (_id, _fence, percent) => seen.push(percent) },
    );
    executor.run(assignmentOf("h"));
    await vi.waitFor(() => expect(reports).toHaveLength(1));
    nowMs = 9_000;
    escape?.(99);
    expect(seen).toEqual([0, 50, 100, 40]);
  });
});

describe("Executor: lines of a handler", () => {
  test("are passed on within bounds, whatever the handler hands over", async () => {
    const lines: LogLine[] = [];
    const cycle: Record<string, unknown> = {};
    cycle["self"] = cycle;
    const { executor, reports } = benchWith(
      {
        h: (_task, { log }) => {
          log.info("plain", { a: 1 });
          log.warn("x".repeat(100_000), { dropped: true });
          log.error("cycle", cycle);
          log.debug(undefined as unknown as string, [1] as unknown as Record<string, unknown>);
        },
      },
      { nowMs: () => 5, line: (_assignment, line) => lines.push(line) },
    );
    executor.run(assignmentOf("h"));
    await vi.waitFor(() => expect(reports).toHaveLength(1));
    expect(lines).toEqual([
      { atMs: 5, level: "info", message: "plain", fieldsJson: '{"a":1}' },
      { atMs: 5, level: "warn", message: `${"x".repeat(MAX_LINE_LENGTH - 1)}…`, fieldsJson: "" },
      { atMs: 5, level: "error", message: "cycle", fieldsJson: "" },
      { atMs: 5, level: "debug", message: "undefined", fieldsJson: "" },
    ]);
  });

  test("are so many at once and so many a second, and the others are counted", () => {
    const allowance = new LineAllowance();
    const taken = (count: number, nowMs: number): number =>
      Array.from({ length: count }, () => allowance.take(nowMs)).filter(Boolean).length;
    expect(taken(LINES_AT_ONCE + 7, 0)).toBe(LINES_AT_ONCE);
    expect(allowance.takeHeldBack()).toBe(7);
    expect(taken(LINES_PER_SECOND, 500)).toBe(LINES_PER_SECOND / 2);
    expect(taken(5_000, 3_600_000)).toBe(LINES_AT_ONCE);
  });
});

describe("Executor: stopping", () => {
  test("lets running handlers finish, hands back what waits, takes nothing more", async () => {
    const gate = deferred<string>();
    const { executor, reports } = benchWith({ h: () => gate.promise }, { slots: 1 });
    executor.run(assignmentOf("h", { taskId: "running" }));
    await vi.waitFor(() => expect(executor.counts().running).toBe(1));
    executor.run(assignmentOf("h", { taskId: "waiting" }));
    const stopped = executor.stop(60_000);
    executor.run(assignmentOf("h", { taskId: "late" }));
    gate.resolve("done");
    await stopped;
    expect(reports.map(({ taskId, outcome }) => [taskId, outcome?.$case])).toEqual([
      ["waiting", "handedBack"],
      ["late", "handedBack"],
      ["running", "result"],
    ]);
  });

  test("aborts and hands back the handlers that outlast the grace time", async () => {
    vi.useFakeTimers();
    let reason: unknown;
    const { executor, reports } = benchWith({
      h: (_task, { signal }) => {
        signal.addEventListener("abort", () => {
          reason = signal.reason;
        });
        return never();
      },
    });
    executor.run(assignmentOf("h"));
    await vi.advanceTimersByTimeAsync(1);
    const stopped = executor.stop(10_000);
    expect(executor.stop(60_000)).toBe(stopped);
    await vi.advanceTimersByTimeAsync(9_000);
    expect(reports).toEqual([]);
    await vi.advanceTimersByTimeAsync(1_001);
    await stopped;
    expect(reason).toEqual(new AttemptAborted("stopping"));
    expect(reports.map(({ outcome }) => outcome?.$case)).toEqual(["handedBack"]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("gives up sooner where it is stopped again with a shorter grace", async () => {
    vi.useFakeTimers();
    const { executor, reports } = benchWith({ h: never });
    executor.run(assignmentOf("h"));
    await vi.advanceTimersByTimeAsync(1);
    const stopped = executor.stop(60_000);

    void executor.stop(1_000);
    await vi.advanceTimersByTimeAsync(1_001);

    await stopped;
    expect(reports.map(({ outcome }) => outcome?.$case)).toEqual(["handedBack"]);
    expect(vi.getTimerCount()).toBe(0);
  });
});
