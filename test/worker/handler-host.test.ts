// The handlers of a user's module in their host, a thread or a process: what they do costs the node nothing.
import { describe, expect, test, vi } from "vitest";
import { failureIn, hostBench, startHost } from "./host-bench.js";

const MODULE = `
import { writeFileSync } from "node:fs";
import { isMainThread, threadId } from "node:worker_threads";
const BLOCKED = new URL("blocked", import.meta.url);
const block = (ms) => { const until = performance.now() + ms; while (performance.now() < until); };
const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const stopped = ({ signal }) => new Promise((resolve) => signal.addEventListener("abort", resolve));
const counted = {};
export default {
  where: () => ({ isMainThread, threadId, pid: process.pid }),
  context: async (task, { fence, attempt, log, progress, signal }) => {
    log.info("hello", { a: 1 });
    progress(10);
    progress(20);
    return { task, fence, attempt, aborted: signal.aborted };
  },
  polite: async (task, ctx) => { ctx.progress(1); await stopped(ctx); ctx.log.info("never heard"); },
  blocks: async (task, ctx) => { ctx.progress(1); await later(1); block(task.data); return "done"; },
  "blocks at once": (task, ctx) => { ctx.progress(1); block(task.data); return "done"; },
  forever: async (task, ctx) => { ctx.progress(1); await later(1); writeFileSync(BLOCKED, ""); for (;;); },
  spinning: (task, ctx) => { ctx.progress(1); while (!ctx.signal.aborted); },
  exits: async () => { await later(1); process.exit(3); },
  uncaught: () => { setTimeout(() => { throw new RangeError("loose"); }); return later(60_000); },
  unhandled: () => { Promise.reject(new TypeError("adrift")); return later(60_000); },
  hungry: async (task, ctx) => {
    ctx.progress(1);
    await later(50);
    const kept = [];
    for (;;) kept.push(new Array(1_000).fill({}));
  },
  prints: () => { console.log("to the log"); console.error("as well"); for (let n = 0; n < 5_000; n += 1) console.log(n); },
  crashes: () => process.kill(process.pid, "SIGKILL"),
  quick: () => 1,
};
`;

const BLOCK_MS = 1_000;
/** Long beside what a busy machine holds up a node. */
const LEASE_MS = 2_000;

describe.each(["thread", "process"] as const)("a handler host that is a %s", (isolation) => {
  test("runs handlers apart from the node, with their context, and is heard before their result", async () => {
    const bench = await hostBench(MODULE, { isolation });

    const where = await bench.outcome("where");
    const context = await bench.outcome("context", { fence: 12, attempt: 3, dataJson: "[1]" });

    const { isMainThread, pid } = JSON.parse((where as { readonly value: string }).value) as {
      readonly isMainThread: boolean;
      readonly pid: number;
    };
    expect({ isMainThread, isOurs: pid === process.pid }).toEqual({
      isMainThread: isolation === "process",
      isOurs: isolation === "thread",
    });
    expect(JSON.parse((context as { readonly value: string }).value)).toEqual({
      task: {
        id: "context",
        type: "context",
        data: [1],
        queue: "default",
        priority: 5,
        attempt: 3,
      },
      fence: 12,
      attempt: 3,
      aborted: false,
    });
    expect(bench.progress).toEqual([10, 20]);
    expect(bench.lines).toMatchObject([{ level: "info", message: "hello", fieldsJson: '{"a":1}' }]);
  });

  test("hears that a handler is to stop, and nothing more of it", async () => {
    const bench = await hostBench(MODULE, { isolation });
    bench.start("polite");
    await bench.running();

    expect(bench.executor.abort("polite", 7, "cancelled")).toBe(true);

    expect(await bench.outcome("quick")).toEqual({ $case: "result", value: "1" });
    expect(bench.lines).toEqual([]);
    expect(bench.reports).toHaveLength(1);
  });

  test.each(["blocks", "blocks at once"])(
    "goes on with a handler that %s; the node goes on meanwhile, and the type is named",
    async (type) => {
      const bench = await hostBench(MODULE, { isolation });
      bench.start(type, { dataJson: `${BLOCK_MS}` });
      await bench.running();

      const inNode = await bench.outcome("process", { taskId: "in the node" });

      expect(inNode).toMatchObject({ $case: "result" });
      expect(bench.reports.map(({ taskId }) => taskId)).toEqual(["in the node"]);
      expect(await bench.ended(type)).toEqual({ $case: "result", value: '"done"' });
      const [blocking] = bench.host.status().blockingTypes;
      expect(blocking).toMatchObject({ type, count: 1 });
      expect(bench.logged.join()).toContain("thread: true");
    },
  );

  test("that is blocked for too long is ended: the attempt says why, and the host is started again", async () => {
    const bench = await hostBench(MODULE, { isolation, maxBlockMs: 300 });

    const { error, retryable } = failureIn(await bench.outcome("forever"));

    expect(error?.name).toBe("HandlerHostEnded");
    expect(error?.message).toMatch(
      /^forever \(task forever\) blocked its thread for \d+ ms; give it `thread: true`$/,
    );
    expect(retryable).toBe(true);
    expect(await bench.outcome("quick")).toEqual({ $case: "result", value: "1" });
  });

  test("is ended where a handler that blocks it is to stop, and no sooner", async () => {
    const bench = await hostBench(MODULE, { isolation, abortGraceMs: 200 });
    bench.start("forever");
    await bench.blocked();
    bench.executor.abort("forever", 7, "lease-lost");
    const unheard = await bench.outcome("quick", { taskId: "unheard" });
    await vi.waitFor(() => expect(bench.logged.join()).toContain("blocked its thread"), {
      timeout: 10_000,
    });

    expect(unheard).toMatchObject({ $case: "handedBack" });
    expect(await bench.outcome("quick")).toEqual({ $case: "result", value: "1" });
    expect(bench.reports.map(({ taskId }) => taskId)).toEqual(["unheard", "quick"]);
  });

  test("is ended by process.exit: that attempt fails and says so, another is handed back, the next one runs", async () => {
    const bench = await hostBench(MODULE, { isolation });
    bench.start("polite");
    await bench.running();

    const { error, retryable } = failureIn(await bench.outcome("exits"));

    expect(error?.message).toBe(
      "exits (task exits) called process.exit(3); let it return or throw instead",
    );
    expect(retryable).toBe(true);
    expect(await bench.ended("polite")).toEqual({
      $case: "handedBack",
      value: "the handler host ended: exits (task exits) called process.exit(3)",
    });
    expect(await bench.outcome("quick")).toEqual({ $case: "result", value: "1" });
  });

  test.each([
    ["uncaught", "RangeError", /threw an error that nobody catches: loose; await or catch/],
    ["unhandled", "TypeError", /rejected a promise that nobody awaits or catches: adrift; await/],
  ])("is ended by an error at large: %s, which fails with it", async (type, name, message) => {
    const bench = await hostBench(MODULE, { isolation });
    bench.start("polite");
    await bench.running();

    const { error } = failureIn(await bench.outcome(type));

    expect(error).toMatchObject({ name, message: expect.stringMatching(message) as unknown });
    expect(error?.stack).toContain("handlers.mjs");
    expect(await bench.ended("polite")).toMatchObject({ $case: "handedBack" });
    expect(await bench.outcome("quick")).toEqual({ $case: "result", value: "1" });
  });

  test("whose heap a handler fills costs that attempt alone", { timeout: 60_000 }, async () => {
    const bench = await hostBench(MODULE, { isolation, heapMb: 48 });

    const { error } = failureIn(await bench.outcome("hungry"));

    expect(error?.message).toContain("hungry (task hungry) filled the heap");
    expect(error?.message).toContain("nodes.heapMb");
    expect(await bench.outcome("quick")).toEqual({ $case: "result", value: "1" });
  });

  test(
    "whose heap one of several fills counts each of them as lost with it",
    { timeout: 60_000 },
    async () => {
      const bench = await hostBench(MODULE, { isolation, heapMb: 48 });
      bench.start("polite");
      await bench.running();

      const lost = await bench.outcome("hungry");

      expect(lost).toMatchObject({
        $case: "lost",
        value: expect.stringMatching(/while it ran polite, hungry: filled the heap/) as unknown,
      });
      expect(await bench.ended("polite")).toEqual(lost);
    },
  );

  test("prints into the node's log, within bounds", async () => {
    const bench = await hostBench(MODULE, { isolation });
    await bench.outcome("prints");

    await vi.waitFor(() => expect(bench.logged).toContain("to the log"));
    expect(bench.logged).toContain("as well");
    expect(bench.logged.length).toBeLessThan(2_000);
  });

  test("waits for handlers that were told to stop before it ends with its node", async () => {
    const bench = await hostBench(MODULE, { isolation });
    bench.start("polite");
    await bench.running();

    await bench.executor.stop(0);

    expect(bench.reports).toMatchObject([{ outcome: { $case: "handedBack" } }]);
    expect(bench.logged).toEqual([]);
  });

  test("gives up what it holds where its node lets the lease run out", async () => {
    const bench = await hostBench(MODULE, { isolation });
    bench.start("polite");
    await bench.running();

    bench.host.granted(100);

    expect(await bench.ended("polite")).toMatchObject({
      $case: "handedBack",
      value: expect.stringContaining("lease") as unknown,
    });
  });

  test("keeps what it holds where it was blocked while its node went on", async () => {
    const bench = await hostBench(MODULE, { isolation });
    const granting = setInterval(() => bench.host.granted(LEASE_MS), 50);
    const outcome = await bench.outcome("blocks", { dataJson: `${LEASE_MS + BLOCK_MS}` });
    clearInterval(granting);

    expect(outcome).toEqual({ $case: "result", value: '"done"' });
  });
});

describe("a handler host whose module", () => {
  test.each([
    ["does not load", "throw new Error('broken inside');", "failed_to_load", "broken inside"],
    ["has no types", "export default 5;", "not_an_object", "must be an object"],
    [
      "ends it",
      "process.exit(4);",
      "failed_to_load",
      "ended while it was loaded: called process.exit(4)",
    ],
  ])("%s is refused, and says why", async (_name, source, code, text) => {
    await expect(startHost(source)).rejects.toMatchObject({
      name: "UserModuleError",
      code,
      message: expect.stringContaining(text) as unknown,
    });
  });

  test("never settles is refused within about 10 s", async () => {
    await expect(startHost("export default new Promise(() => {});")).rejects.toMatchObject({
      code: "never_settles",
    });
  });
});

describe("a handler host", () => {
  test("lets a handler that never yields hear that it is to stop", async () => {
    const bench = await hostBench(MODULE);
    bench.start("spinning");
    await bench.running();
    bench.executor.abort("spinning", 7, "cancelled");

    expect(await bench.outcome("quick")).toEqual({ $case: "result", value: "1" });
  });

  test("in a process that is killed costs the attempt in it", async () => {
    const bench = await hostBench(MODULE, { isolation: "process" });

    const { error } = failureIn(await bench.outcome("crashes"));

    expect(error?.message).toContain("its process was ended by SIGKILL");
    expect(await bench.outcome("quick")).toEqual({ $case: "result", value: "1" });
  });

  test("that ends again and again is started later each time; its tasks are handed back, and it says so", async () => {
    const bench = await hostBench(MODULE);
    const troubles: string[] = [];
    bench.host.onStatus(() => {
      const { isHeld, trouble } = bench.host.status();
      if (isHeld && !troubles.includes(trouble)) {
        troubles.push(trouble);
        bench.start("quick", { taskId: `held ${troubles.length}` });
      }
    });

    for (const taskId of ["a", "b", "c"]) {
      await vi.waitFor(() => expect(bench.host.hasFree).toBe(true), { timeout: 20_000 });
      await bench.outcome("exits", { taskId });
    }

    expect(troubles).toEqual(
      ["b", "c"].map(
        (id, at) =>
          `the handler host has ended ${at + 2} times in a row, the last time because exits (task ${id}) called process.exit(3)`,
      ),
    );
    for (const taskId of ["held 1", "held 2"]) {
      expect(await bench.ended(taskId)).toMatchObject({ $case: "handedBack" });
    }
    expect(await bench.outcome("process")).toMatchObject({ $case: "result" });
    await vi.waitFor(() => expect(bench.host.status().isHeld).toBe(false), { timeout: 20_000 });
    expect(await bench.outcome("quick", { taskId: "again" })).toMatchObject({ $case: "result" });
  });
});
