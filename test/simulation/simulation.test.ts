// Clusters of the real core under seeded faults: new seeds in every run of the tests.
import { randomInt } from "node:crypto";
import { describe, expect, it } from "vitest";
import { simulate } from "./simulation.js";

const SEEDS = 300;
const SEEDS_PER_TEST = 50;
const MAX_BASE_SEED = 1_000_000_000;

const base = randomInt(MAX_BASE_SEED);

describe(`a cluster under faults (base seed ${base})`, () => {
  process.stdout.write(`simulation: seeds ${base} to ${base + SEEDS - 1}\n`);

  for (let first = base; first < base + SEEDS; first += SEEDS_PER_TEST) {
    const range = `${first} to ${first + SEEDS_PER_TEST - 1}`;
    it(
      `stays safe, and serves everyone once healed, in seeds ${range}`,
      { timeout: 120_000 },
      () => {
        for (let seed = first; seed < first + SEEDS_PER_TEST; seed += 1) {
          const { violation, undecided } = simulate({ seed });
          const replay = `replay: npm run simulate -- --seed ${seed} --trace`;
          expect(violation?.message, replay).toBeUndefined();
          expect(undecided, `a history is too hard to decide; ${replay}`).toBe(0);
        }
      },
    );
  }

  it("does work that is worth checking", () => {
    const results = Array.from({ length: 20 }, (_, at) => simulate({ seed: base + at }));
    const sum = (of: (result: (typeof results)[number]) => number): number =>
      results.reduce((total, result) => total + of(result), 0);
    expect(sum(({ committed }) => committed)).toBeGreaterThan(500);
    expect(sum(({ operations }) => operations)).toBeGreaterThan(500);
  });

  it("replays a seed exactly, and differs from seed to seed", () => {
    const hashes = [base, base, base + 1].map((seed) => simulate({ seed }).traceHash);
    expect(hashes[1]).toBe(hashes[0]);
    expect(hashes[2]).not.toBe(hashes[0]);
  });

  it("gives the same run with a trace as without, and a line for everything that happens", () => {
    const lines: string[] = [];
    const quiet = simulate({ seed: base });
    const told = simulate({ seed: base, onLine: (line) => lines.push(line) });
    expect(told.traceHash).toBe(quiet.traceHash);
    expect(lines.some((line) => line.includes("is leader in t"))).toBe(true);
    expect(lines.some((line) => line.includes("the faults are healed"))).toBe(true);
  });
});
