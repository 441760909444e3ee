// The list of deliberate bugs fits the core as it is: `npm run mutate` can put each of them in.
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { MUTATIONS } from "./mutations.js";

const TOP = path.resolve(import.meta.dirname, "../..");

describe("deliberate bugs", () => {
  it.each(MUTATIONS)("$bug ($file)", ({ file, replace, by }) => {
    const pieces = readFileSync(path.join(TOP, file), "utf8").split(replace);
    expect(pieces, "the text to replace occurs once").toHaveLength(2);
    expect(by).not.toBe(replace);
  });

  it("are each a different one", () => {
    const names = MUTATIONS.map(({ file, bug }) => `${file} ${bug}`);
    expect(new Set(names).size).toBe(names.length);
  });
});
