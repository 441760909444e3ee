// Every scenario in testdata: a protocol run told step by step, with the whole trace as the
// expected output.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runScenario } from "../../support/raft-scenario.js";

const folder = join(import.meta.dirname, "testdata");
const files = readdirSync(folder).filter((name) => name.endsWith(".txt"));

describe("a Raft cluster does what the story says", () => {
  it.each(files)("%s", (name) => {
    const { expected, actual } = runScenario(join(folder, name));
    expect(actual).toBe(expected);
  });
});
