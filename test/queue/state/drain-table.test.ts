// Which process of a node a decision to drain is about.
import { describe, expect, test } from "vitest";
import { DrainTable, MAX_DRAINS } from "../../../src/queue/state/drain-table.js";

function tableWith(...drains: readonly (readonly [string, number, number])[]): DrainTable {
  const table = new DrainTable();
  for (const [nodeId, startedAtMs, atMs] of drains) {
    table.apply({
      atMs,
      commands: [{ kind: { $case: "drainNode", value: { nodeId, startedAtMs } } }],
    });
  }
  return table;
}

describe("a decision to drain a node", () => {
  test("holds for the process that ran then, and for no other node", () => {
    const table = tableWith(["n1", 1_000, 5_000]);

    expect(table.holds("n1", 1_000)).toBe(true);
    expect(table.holds("n2", 1_000)).toBe(false);
  });

  test("does not hold for a process that is started later under the name", () => {
    expect(tableWith(["n1", 1_000, 5_000]).holds("n1", 6_000)).toBe(false);
  });

  test("holds while no process is known", () => {
    expect(tableWith(["n1", 1_000, 5_000]).holds("n1", undefined)).toBe(true);
    expect(new DrainTable().holds("n1", undefined)).toBe(false);
  });

  test("on a node of which no process was known is about whatever started before it", () => {
    const table = tableWith(["n1", 0, 5_000]);

    expect(table.holds("n1", 4_999)).toBe(true);
    expect(table.holds("n1", 5_001)).toBe(false);
  });

  test("gives way to a newer one on the same node", () => {
    const table = tableWith(["n1", 1_000, 5_000], ["n1", 6_000, 9_000]);

    expect(table.holds("n1", 1_000)).toBe(false);
    expect(table.holds("n1", 6_000)).toBe(true);
  });

  test("is the same after a snapshot; past the bound the oldest is forgotten", () => {
    const many = Array.from({ length: MAX_DRAINS + 1 }, (_, at) => [`n${at}`, 1, 2] as const);
    const table = tableWith(...many);
    const restored = new DrainTable();
    restored.restore(table.toSnapshot());

    expect(restored.toSnapshot()).toEqual(table.toSnapshot());
    expect(restored.holds("n0", 1)).toBe(false);
    expect(restored.holds("n1", 1)).toBe(true);
  });
});
