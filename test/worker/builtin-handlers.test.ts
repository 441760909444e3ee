import { describe, expect, test } from "vitest";

import { BUILTIN_TYPES } from "../../src/worker/builtin-handlers.js";
import { AttemptAborted, NonRetryableError } from "../../src/worker/handler.js";
import { silentLog } from "./support.js";

async function runBuiltin(
  type: string,
  data: unknown,
  { attempt = 1, signal = new AbortController().signal, progress = (): void => undefined } = {},
): Promise<unknown> {
  const handler = BUILTIN_TYPES.get(type)?.handler;
  if (handler === undefined) throw new Error(`no built-in ${type}`);
  const task = { id: "t1", type, data, queue: "default", priority: 5, attempt };
  return await handler(task, {
    signal,
    fence: 7,
    attempt,
    progress,
    log: silentLog,
  });
}

describe("built-in handlers", () => {
  test.each([
    ["Hello World", "Processed: Hello World"],
    [{ a: [1, null] }, 'Processed: {"a":[1,null]}'],
    [null, "Processed: null"],
    [42, "Processed: 42"],
  ])("process answers with the text of %j", async (data, output) => {
    expect(await runBuiltin("process", data)).toEqual({ output });
  });

  test("sleep ends by itself", async () => {
    expect(await runBuiltin("sleep", { ms: 1 })).toEqual({ sleptMs: 1 });
  });

  test("sleep ends at once when it is told to stop", async () => {
    const controller = new AbortController();
    const sleeping = runBuiltin("sleep", { ms: 86_400_000 }, { signal: controller.signal });
    controller.abort(new AttemptAborted("cancelled"));
    await expect(sleeping).rejects.toThrow();
  });

  test("fail fails as often as it is asked to, then succeeds", async () => {
    const data = { times: 2 };
    await expect(runBuiltin("fail", data, { attempt: 1 })).rejects.toThrow("attempt 1 fails");
    await expect(runBuiltin("fail", data, { attempt: 2 })).rejects.toThrow("attempt 2 fails");
    expect(await runBuiltin("fail", data, { attempt: 3 })).toEqual({ attempts: 3 });
  });

  test("cpu lets the event loop turn between its slices", async () => {
    let turns = 0;
    let over = false;
    const count = (): void => {
      turns += 1;
      if (!over) setImmediate(count);
    };
    setImmediate(count);
    const turnsAtSlices: number[] = [];
    const progress = (): void => {
      turnsAtSlices.push(turns);
    };
    await runBuiltin("cpu", { ms: 200 }, { progress });
    over = true;
    expect(turnsAtSlices.length).toBeGreaterThan(1);
    for (const [slice, turn] of turnsAtSlices.entries()) {
      expect(turn).toBeGreaterThan(turnsAtSlices[slice - 1] ?? -1);
    }
  });

  test("cpu stops when it is told to", async () => {
    const controller = new AbortController();
    const burning = runBuiltin("cpu", { ms: 86_400_000 }, { signal: controller.signal });
    setImmediate(() => controller.abort(new AttemptAborted("lease-lost")));
    await expect(burning).rejects.toThrow("lease-lost");
  });

  test.each([
    ["sleep", null, "data.ms is missing"],
    ["sleep", { ms: -1 }, "data.ms must be"],
    ["sleep", { ms: "5" }, "data.ms must be"],
    ["cpu", [], "data.ms is missing"],
    ["fail", {}, "data.times is missing"],
    ["fail", { times: 1e9 }, "data.times must be"],
  ])("%s refuses %j for good and names the field", async (type, data, message) => {
    const error = await runBuiltin(type, data).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(NonRetryableError);
    expect((error as Error).message).toContain(message);
  });
});
