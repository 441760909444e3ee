// Whose fault the end of a host is, and what becomes of the attempts in it.
import { describe, expect, test } from "vitest";
import { type HostEvidence, verdictOf } from "../../src/worker/supervision/host-verdict.js";
import { assignmentOf } from "./support.js";

const attempts = new Map(
  ["resize", "mail", "late"].map((type, at) => [at + 1, assignmentOf(type, { taskId: type })]),
);
const EXITED = { kind: "exited", how: "its thread ended with exit code 1" } as const;

/** Three attempts, of which the last one had not been started. */
function verdict(evidence: Partial<HostEvidence>) {
  const { results, culprit, why } = verdictOf({
    end: EXITED,
    fallen: undefined,
    blocked: undefined,
    heapMb: 512,
    attempts,
    startedThrough: 2,
    ...evidence,
  });
  const told = [...results.values()].map((result) =>
    result.kind === "given-back" ? (result.lost ? "lost" : "given back") : result.kind,
  );
  return { told, culprit: culprit?.type, why };
}

describe("the end of a host", () => {
  test("is charged to the attempt whose code it was, and to no other", () => {
    const blocked = { number: 1, forMs: 10_000 };

    expect(verdict({ blocked })).toEqual({
      told: ["failure", "given back", "given back"],
      culprit: "resize",
      why: "resize (task resize) blocked its thread for 10,000 ms",
    });
  });

  test.each([
    ["it fell silent and nobody can look into it", { blocked: { number: undefined, forMs: 1 } }],
    ["it fell silent in code of nobody's", { blocked: { number: 0, forMs: 1 } }],
    ["code of nobody's ended it", { fallen: { number: 0, how: "threw", error: undefined } }],
    [
      "code of an attempt that had ended",
      { fallen: { number: 9, how: "threw", error: undefined } },
    ],
    ["its heap was full", { end: { kind: "out-of-memory" } as const }],
    ["it ended without a word", {}],
  ])(
    "counts each that had been started as lost where several may have been it: %s",
    (_, evidence) => {
      expect(verdict(evidence)).toMatchObject({
        told: ["lost", "lost", "given back"],
        culprit: undefined,
      });
    },
  );

  test.each([
    ["failure", { blocked: { number: undefined, forMs: 1 } }],
    ["failure", { end: { kind: "out-of-memory" } as const }],
    ["failure", {}],
    ["lost", { blocked: { number: 0, forMs: 1 } }],
    ["lost", { fallen: { number: 0, how: "threw", error: undefined } }],
  ])("is a %s of the only one that had been started: %j", (told, evidence) => {
    expect(verdict({ ...evidence, startedThrough: 1 }).told).toEqual([
      told,
      "given back",
      "given back",
    ]);
  });

  test("that no attempt had been started for costs none of them anything", () => {
    expect(verdict({ startedThrough: 0 }).told).toEqual(Array(3).fill("given back"));
  });
});
