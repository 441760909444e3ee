// The example in the documentation does what it says.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { countOnThreeNodes } from "../../docs/examples/replicated-counter.js";

test("the counter of the example is the same on all nodes, and goes on after a restart", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "counter-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));

  expect(await countOnThreeNodes(folder, [1, 2, 39])).toEqual([42, 42, 42]);
  expect(await countOnThreeNodes(folder, [8])).toEqual([50, 50, 50]);
});
