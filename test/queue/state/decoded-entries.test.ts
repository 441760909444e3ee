import { describe, expect, it } from "vitest";
import { DecodedEntries } from "../../../src/queue/state/decoded-entries.js";

const entry = (index: number) => ({ index, term: 1, batch: undefined });
const KIB = 1024;

describe("decoded entries", () => {
  it("keep the newest within their bound of bytes", () => {
    const decoded = new DecodedEntries(10 * KIB);
    for (let index = 1; index <= 100; index += 1) decoded.push(entry(index), 3 * KIB);
    const held = Array.from({ length: 100 }, (_, at) => at + 1).filter((index) =>
      decoded.get(index),
    );
    expect(held).toEqual([98, 99, 100]);
  });

  it("hold many entries that weigh little, and no more than the bound of those", () => {
    const decoded = new DecodedEntries(10 * KIB);
    for (let index = 1; index <= 1_000; index += 1) decoded.push(entry(index), 0);
    expect(decoded.get(961)).toBeDefined();
    expect(decoded.get(960)).toBeUndefined();
  });

  it("keep the newest one whatever it weighs", () => {
    const decoded = new DecodedEntries(10 * KIB);
    decoded.push(entry(1), 1);
    decoded.push(entry(2), 100 * KIB);
    expect(decoded.get(1)).toBeUndefined();
    expect(decoded.get(2)).toBeDefined();
    decoded.push(entry(3), 1);
    expect(decoded.get(2)).toBeUndefined();
    expect(decoded.get(3)).toBeDefined();
  });
});
