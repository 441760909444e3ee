import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import type { Executor } from "../../src/worker/executor.js";
import type { ExecutorOptions } from "../../src/worker/executor-options.js";
import { NOWHERE } from "../../src/worker/handler-place.js";
import type { LogLine } from "../../src/worker/log-line.js";
import type { ThreadPoolOptions } from "../../src/worker/threads/thread-pool.js";
import { loadUserTypes } from "../../src/worker/user-module.js";
import { assignmentOf, benchWith, type Bench, registryOfUser, threadPool } from "./support.js";

const MODULE = `
import { isMainThread } from "node:worker_threads";
const thread = (handler) => ({ handler, thread: true });
const spin = (until) => { while (!until()) Math.sqrt(2); };
export default {
  where: thread(() => ({ isMainThread })),
  context: thread(async (task, { fence, attempt, log, progress, signal }) => {
    log.info("hello", { a: 1 });
    log.error("bad");
    progress(10);
    progress(20);
    return { task, fence, attempt, aborted: signal.aborted };
  }),
  loud: thread((task, { log }) => { for (let n = 0; n < 50_000; n += 1) log.info("line " + n); }),
  forever: thread((task, { progress }) => { progress(1); spin(() => false); }),
  polite: thread(async (task, { log, progress, signal }) => {
    progress(1);
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
  }),
  spinning: thread((task, ctx) => { ctx.progress(1); spin(() => ctx.signal.aborted); }),
  broken: thread(() => { throw new RangeError("too far"); }),
  final: thread(() => { throw Object.assign(new Error("no use"), { name: "NonRetryableError" }); }),
  exits: thread((task, { log }) => { log.warn("last words"); process.exit(3); }),
  hungry: thread(() => { const kept = []; for (;;) kept.push(new Array(1_000).fill({})); }),
  uncaught: thread(() => new Promise(() => setTimeout(() => { throw new Error("loose"); }))),
};
`;

let folder = "";
let userModule = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "taskmesh-threads-"));
  userModule = join(folder, "handlers.mjs");
  await writeFile(userModule, MODULE);
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

interface ThreadBench extends Bench {
  readonly lines: LogLine[];
  readonly progress: number[];
  /** Runs a task to its end: what was reported. */
  outcome(type: string, overrides?: Parameters<typeof assignmentOf>[1]): Promise<unknown>;
}

async function threadBench(
  options: Partial<ThreadPoolOptions> = {},
  more: Partial<ExecutorOptions> = {},
): Promise<ThreadBench> {
  const lines: LogLine[] = [];
  const progress: number[] = [];
  const bench = benchWith(
    {},
    {
      handlers: registryOfUser(await loadUserTypes(userModule)),
      places: { thread: threadPool({ userModule, ...options }), host: NOWHERE },
      line: (_assignment, line) => lines.push(line),
      progress: (_taskId, _fence, percent) => progress.push(percent),
      ...more,
    },
  );
  onTestFinished(() => bench.executor.stop(0));
  const outcome: ThreadBench["outcome"] = async (type, overrides) => {
    const assignment = assignmentOf(type, overrides);
    bench.executor.run(assignment);
    return vi.waitFor(
      () => {
        const report = bench.reports.find(({ taskId }) => taskId === assignment.taskId);
        expect(report).toBeDefined();
        return report?.outcome;
      },
      { timeout: 20_000 },
    );
  };
  return { ...bench, lines, progress, outcome };
}

async function untilItRuns({ executor, progress }: ThreadBench, type: string): Promise<void> {
  executor.run(assignmentOf(type));
  await vi.waitFor(() => expect(progress).toEqual([1]), { timeout: 20_000 });
}

function isFree({ executor }: { readonly executor: Executor }): void {
  expect(executor.counts()).toMatchObject({ running: 0, waiting: 0 });
}

describe("a handler in a thread", () => {
  test("runs apart from the node", async () => {
    const bench = await threadBench();
    expect(await bench.outcome("where")).toMatchObject({ value: '{"isMainThread":false}' });
  });

  test("is given its task and its context, and is heard before its result", async () => {
    const bench = await threadBench();
    const outcome = await bench.outcome("context", { fence: 12, attempt: 3, dataJson: "[1]" });
    const { value } = outcome as { readonly value: string };
    expect(JSON.parse(value)).toEqual({
      task: { id: "t1", type: "context", data: [1], queue: "default", priority: 5, attempt: 3 },
      fence: 12,
      attempt: 3,
      aborted: false,
    });
    expect(bench.progress).toEqual([10, 20]);
    expect(bench.lines).toMatchObject([
      { level: "info", message: "hello", fieldsJson: '{"a":1}' },
      { level: "error", message: "bad", fieldsJson: "" },
    ]);
  });

  test("cannot flood the node with lines, and says how many are missing", async () => {
    const bench = await threadBench();
    await bench.outcome("loud");
    expect(bench.lines.length).toBeLessThan(10_000);
    expect(bench.lines.at(-1)?.message).toMatch(/\d+ lines left out/);
  });

  test("fails with its own error, and for good where it says so", async () => {
    const bench = await threadBench();
    expect(await bench.outcome("broken", { taskId: "a" })).toMatchObject({
      value: {
        error: {
          name: "RangeError",
          message: "too far",
          stack: expect.stringContaining("handlers.mjs") as unknown,
        },
        retryable: true,
      },
    });
    expect(await bench.outcome("final", { taskId: "b" })).toMatchObject({
      value: { error: { message: "no use" }, retryable: false },
    });
  });

  test.each(["polite", "spinning"])("hears that it is to stop: %s", async (type) => {
    const bench = await threadBench({ maxThreads: 1 });
    await untilItRuns(bench, type);
    expect(bench.executor.abort("t1", 7, "cancelled")).toBe(true);
    // The grace is a minute: the only thread is free because the handler has ended.
    expect(await bench.outcome("where", { taskId: "next" })).toMatchObject({ $case: "result" });
    expect(bench.reports).toHaveLength(1);
  });

  test("that never stops is ended, and its thread replaced", async () => {
    const bench = await threadBench({ maxThreads: 1, abortGraceMs: 50 });
    await untilItRuns(bench, "forever");
    bench.executor.abort("t1", 7, "lease-lost");
    isFree(bench);
    expect(await bench.outcome("where", { taskId: "next" })).toMatchObject({ $case: "result" });
  });

  test("that never stops times out all the same", async () => {
    const bench = await threadBench({ abortGraceMs: 50 });
    expect(await bench.outcome("forever", { timeoutMs: 100 })).toMatchObject({
      value: { timedOut: true },
    });
  });

  test("that ends its thread loses its own attempt alone, but not its last words", async () => {
    const bench = await threadBench();
    await untilItRuns(bench, "polite");
    expect(await bench.outcome("exits", { taskId: "bad" })).toMatchObject({
      value: {
        error: { name: "ThreadEnded", message: expect.stringContaining("code: 3") as unknown },
        retryable: true,
      },
    });
    expect(bench.lines.map(({ message }) => message)).toEqual(["last words"]);
    expect(bench.executor.counts()).toMatchObject({ running: 1 });
    expect(await bench.outcome("where", { taskId: "next" })).toMatchObject({ $case: "result" });
  });

  test("that uses up its memory loses its own attempt alone", async () => {
    const bench = await threadBench({ heapMb: 32 });
    expect(await bench.outcome("hungry", { taskId: "bad" })).toMatchObject({
      value: {
        error: { name: "ThreadEnded", message: expect.stringContaining("memory") as unknown },
        retryable: true,
      },
    });
    expect(await bench.outcome("where", { taskId: "next" })).toMatchObject({ $case: "result" });
  });

  test("that throws where nobody catches it fails with that error", async () => {
    const bench = await threadBench();
    expect(await bench.outcome("uncaught")).toMatchObject({
      value: { error: { message: "loose" }, retryable: true },
    });
  });

  test("waits for a thread while others overtake it", async () => {
    const bench = await threadBench({ maxThreads: 1 }, { slots: 4 });
    await untilItRuns(bench, "polite");
    bench.executor.run(assignmentOf("where", { taskId: "second" }));
    await bench.outcome("process", { taskId: "other" });
    expect(bench.executor.counts()).toMatchObject({ running: 1, waiting: 1 });
    bench.executor.abort("t1", 7, "cancelled");
    await vi.waitFor(() => {
      expect(bench.reports.map(({ taskId }) => taskId)).toEqual(["other", "second"]);
    });
  });

  test("is ended with the node", async () => {
    const bench = await threadBench({ abortGraceMs: 50 });
    await untilItRuns(bench, "forever");
    await bench.executor.stop(0);
    expect(bench.reports).toMatchObject([{ outcome: { $case: "handedBack" } }]);
  });
});
