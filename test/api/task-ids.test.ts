import { decodeTime, isValid } from "ulid";
import { describe, expect, it } from "vitest";
import { taskIds } from "../../src/api/task-ids.js";

describe("taskIds", () => {
  it("gives ULIDs of now, each greater than the one before", () => {
    const next = taskIds();
    const before = Date.now();
    const ids = Array.from({ length: 1_000 }, next);
    expect(ids.every(isValid)).toBe(true);
    expect(ids).toEqual([...new Set(ids)].sort());
    expect(decodeTime(ids[0] ?? "")).toBeGreaterThanOrEqual(before);
  });

  it("uses every character, and never begins two rows alike", () => {
    const firsts = Array.from({ length: 200 }, () => taskIds()().slice(10));
    expect(new Set(firsts).size).toBe(200);
    expect(new Set(firsts.join("")).size).toBe(32);
  });
});
