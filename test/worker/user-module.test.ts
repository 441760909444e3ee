import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { UserModuleError } from "../../src/worker/errors.js";
import { loadUserTypes } from "../../src/worker/user-module.js";
import { registryOfUser } from "./support.js";

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
    const types = await loadUserTypes(path);
    expect(types.get("hello")?.handler).toBeTypeOf("function");
    const registry = registryOfUser(types);
    expect(registry.types).toEqual(["cpu", "fail", "hello", "process", "sleep"]);
    expect(registry.get("process")).toEqual({ place: "host" });
    expect(registry.get("nothing")).toBeUndefined();
  });

  test("tells which types run in threads", async () => {
    const path = await moduleOf(
      "export default { here: { handler: () => 1 }, apart: { handler: () => 2, thread: true } };",
    );
    const registry = registryOfUser(await loadUserTypes(path));
    expect(registry.get("here")?.place).toBe("host");
    expect(registry.get("apart")?.place).toBe("thread");
    expect(registry.get("cpu")?.place).toBe("thread");
    expect(registry.get("sleep")?.place).toBe("node");
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

  test("awaits a default export that is a promise", async () => {
    const path = await moduleOf("export default Promise.resolve({ hello: () => 'hi' });");
    expect([...(await loadUserTypes(path)).keys()]).toEqual(["hello"]);
  });

  test.each([
    ["export default new Promise(() => {});", "its default export is a promise"],
    ["await new Promise(() => {}); export default {};", "it awaits something at its top level"],
  ])("gives up on what never settles: %s", async (source, text) => {
    const path = await moduleOf(source);
    await expect(loadUserTypes(path, 50)).rejects.toMatchObject({
      code: "never_settles",
      message: expect.stringContaining(text) as unknown,
    });
  });

  test.each([
    ["rejects", "export default Promise.reject(new Error('no types today'));", "no types today"],
    [
      "cannot be read",
      "const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); export default proxy;",
      "failed to load",
    ],
    ["throws what cannot be read", "throw Symbol('odd');", "Symbol(odd)"],
  ])("describes a default export that %s", async (_name, source, text) => {
    const path = await moduleOf(source);
    await expect(loadUserTypes(path)).rejects.toMatchObject({
      code: "failed_to_load",
      message: expect.stringContaining(text) as unknown,
    });
  });

  test("says that there is no such file", async () => {
    await expect(loadUserTypes(join(folder, "nowhere.mjs"))).rejects.toMatchObject({
      code: "not_found",
    });
  });
});
