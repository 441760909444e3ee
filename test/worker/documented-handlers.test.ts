// The modules that the documents show load, and their handlers give what they say.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { AttemptContext } from "../../src/worker/attempt-context.js";
import { StopOrder } from "../../src/worker/stop-order.js";
import { loadUserTypes } from "../../src/worker/user-module.js";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "taskmesh-documented-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const root = new URL("../../", import.meta.url);

/** What the handler of a type gives that the module of a document exports. */
async function run(document: string, type: string, data: unknown): Promise<unknown> {
  const text = await readFile(new URL(document, root), "utf8");
  const source = /```js\n(\/\/ tasks\.mjs.*?)```/s.exec(text)?.[1];
  if (source === undefined) throw new Error(`${document} shows no tasks.mjs`);
  const file = join(folder, `${document.replaceAll(/\W/g, "-")}.mjs`);
  await writeFile(file, source);
  const handler = (await loadUserTypes(file)).get(type)?.handler;
  if (handler === undefined) throw new Error(`${document} has no type ${type}`);
  const listener = { progress: () => undefined, line: () => undefined };
  const { context } = new AttemptContext({
    ...{ fence: 1, attempt: 1, order: new StopOrder(), nowMs: () => 0, listener },
  });
  return handler({ id: "t", type, data, queue: "q", priority: 5, attempt: 1 }, context);
}

test.each([
  ["README.md", "resize", { size: 8 }, { size: 4 }],
  ["README.md", "fibonacci", { n: 10 }, { value: 55 }],
  ["docs/handlers.md", "primes", { below: 3_000 }, { count: 430 }],
])("%s: %s", async (document, type, data, result) => {
  expect(await run(document, type, data)).toEqual(result);
});
