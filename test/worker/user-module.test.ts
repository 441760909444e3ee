import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { UserModuleError } from "../../src/worker/errors.js";
import { createHandlerRegistry } from "../../src/worker/handler-registry.js";
import { loadUserTypes } from "../../src/worker/user-module.js";

let folder = "";
let written = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "taskmesh-handlers-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function moduleOf(source: string): Promise<string> {
  written += 1;
  const path = join(folder, `handlers-${written}.mjs`);
  await writeFile(path, source);
  return path;
}

describe("loadUserTypes", () => {
  test("loads types, of which one replaces a built-in", async () => {
    const path = await moduleOf(
      "export default { hello: () => 'hi', process: async () => 'mine' };",
    );
    const registry = createHandlerRegistry(await loadUserTypes(path));
    expect(registry.types).toEqual(["cpu", "fail", "hello", "process", "sleep"]);
    expect(registry.get("hello")?.handler).toBeTypeOf("function");
    expect(registry.get("process")).not.toBe(createHandlerRegistry().get("process"));
    expect(registry.get("nothing")).toBeUndefined();
  });

  test("tells which types run in threads", async () => {
    const path = await moduleOf(
      "export default { here: { handler: () => 1 }, apart: { handler: () => 2, thread: true } };",
    );
    const registry = createHandlerRegistry(await loadUserTypes(path));
    expect(registry.get("here")?.thread).toBe(false);
    expect(registry.get("apart")?.thread).toBe(true);
    expect(registry.get("cpu")?.thread).toBe(true);
  });

  test.each([
    ["no_default_export", "export const hello = () => 1;", "no default export"],
    ["not_an_object", "export default () => 1;", "must be an object"],
    ["not_an_object", "export default [() => 1];", "must be an object"],
    ["not_a_function", "export default { hello: 5 };", '"hello": must be a function'],
    ["not_a_function", "export default { hello: null };", "not null"],
    ["not_a_function", "export default { hello: { thread: true } };", "handler must be a function"],
    [
      "bad_option",
      "export default { hello: { handler: () => 1, thread: 2 } };",
      "thread must be true or false, not number",
    ],
    [
      "bad_option",
      "export default { hello: { handler: () => 1, threads: true } };",
      '"threads" is unknown',
    ],
    ["bad_type_name", "export default { '': () => 1 };", "1 to 128 characters"],
    ["bad_type_name", "export default { 'a\\n': () => 1 };", "no control characters"],
    ["failed_to_load", "throw new Error('broken inside');", "broken inside"],
    ["failed_to_load", "export default {", "failed to load"],
    ["failed_to_load", "import './missing.mjs';", "missing.mjs"],
  ])("refuses a module with code %s: %s", async (code, source, text) => {
    const path = await moduleOf(source);
    const error: unknown = await loadUserTypes(path).catch((thrown: unknown) => thrown);
    if (!(error instanceof UserModuleError)) throw new Error("a UserModuleError was expected");
    expect(error.code).toBe(code);
    expect(error.message).toContain(text);
    expect(error.message).toContain(path);
  });

  test("says that there is no such file", async () => {
    await expect(loadUserTypes(join(folder, "nowhere.mjs"))).rejects.toMatchObject({
      code: "not_found",
    });
  });
});
