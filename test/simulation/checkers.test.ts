// The checkers must be able to fail: each broken core is caught within a few seeds, by name, and the
// real core is not, on the same seed.
import { describe, expect, it } from "vitest";
import { BROKEN_CORES, type BrokenCore } from "./broken-cores.js";
import { simulate, type SimulationResult } from "./simulation.js";

const MAX_SEEDS = 300;

const firstConviction = ({ createCore }: BrokenCore): SimulationResult | undefined => {
  for (let seed = 1; seed <= MAX_SEEDS; seed += 1) {
    const result = simulate({ seed, createCore });
    if (result.violation !== undefined) return result;
  }
  return undefined;
};

describe("the simulator", () => {
  for (const broken of BROKEN_CORES) {
    it(`catches a core that ${broken.does}`, { timeout: 60_000 }, () => {
      const caught = firstConviction(broken);
      const { violation, seed } = caught ?? {};
      expect(violation, `not caught in ${MAX_SEEDS} seeds`).toBeDefined();
      expect(broken.breaks, violation?.message).toContain(violation?.rule);
      expect(simulate({ seed: seed ?? 1 }).violation?.message).toBeUndefined();
    });
  }
});
