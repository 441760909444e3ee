// Quorum arithmetic as tables: a picture of the case next to its answer. Each letter is a voter, the
// number under it what it has reached, or + for a vote granted, - refused, . awaited.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { quorumIndex, quorumVote } from "../../../src/raft/core/quorum/joint.js";
import { majorityIndex, majorityVote } from "../../../src/raft/core/quorum/majority.js";
import { nodeId } from "../../../src/raft/core/index.js";
import type { NodeId } from "../../../src/raft/core/index.js";

const voters = (names: string): NodeId[] => names.split("").map(nodeId);

function reachedBy(names: string, values: string): (id: NodeId) => number {
  const numbers = values.split(" ").filter((value) => value !== "");
  return (id) => Number(numbers[names.indexOf(id)] ?? 0);
}

function votesOf(names: string, marks: string): (id: NodeId) => boolean | undefined {
  return (id) => {
    const mark = marks[names.indexOf(id)];
    return mark === "+" ? true : mark === "-" ? false : undefined;
  };
}

function rows(table: string): string[][] {
  return table
    .trim()
    .split("\n")
    .map((line) => line.split("|").map((cell) => cell.trim()));
}

describe("a majority", () => {
  it.each(
    rows(`
      A       | 5           | 5
      AB      | 5 3         | 3
      ABC     | 5 3 4       | 4
      ABC     | 5 0 0       | 0
      ABC     | 0 7 7       | 7
      ABCD    | 9 8 7 6     | 7
      ABCDE   | 9 8 7 6 5   | 7
      ABCDE   | 9 9 9 0 0   | 9
      ABCDE   | 9 9 0 0 0   | 0
      ABCDEFG | 1 2 3 4 5 6 7 | 4
    `),
  )("of %s at %s has reached %s", (names = "", values = "", expected = "") => {
    expect(majorityIndex(voters(names), reachedBy(names, values))).toBe(Number(expected));
  });

  it.each(
    rows(`
      A     | .     | pending
      A     | +     | won
      A     | -     | lost
      AB    | +.    | pending
      AB    | +-    | lost
      ABC   | +..   | pending
      ABC   | ++.   | won
      ABC   | +-.   | pending
      ABC   | +--   | lost
      ABCD  | ++..  | pending
      ABCD  | ++--  | lost
      ABCDE | ++--. | pending
      ABCDE | ++--+ | won
      ABCDE | +---. | lost
    `),
  )("of %s that votes %s has %s", (names = "", marks = "", expected = "") => {
    expect(majorityVote(voters(names), votesOf(names, marks))).toBe(expected);
  });

  it("of nobody agrees to everything", () => {
    expect(majorityIndex([], () => 0)).toBe(Infinity);
    expect(majorityVote([], () => undefined)).toBe("won");
  });
});

describe("a joint quorum", () => {
  it.each(
    rows(`
      ABC | CDE | 5 5 0 0 0 | 0
      ABC | CDE | 5 5 0 4 4 | 4
      ABC | CDE | 5 0 3 3 9 | 3
      A   | B   | 7 4       | 4
      ABC |     | 5 4 3     | 4
    `),
  )(
    "of %s and %s at %s has reached %s",
    (incoming = "", outgoing = "", values = "", expected = "") => {
      const names = [...new Set(incoming + outgoing)].sort().join("");
      const quorum = { incoming: voters(incoming), outgoing: voters(outgoing) };
      expect(quorumIndex(quorum, reachedBy(names, values))).toBe(Number(expected));
    },
  );

  it.each(
    rows(`
      ABC | CDE | ++... | pending
      ABC | CDE | +++.. | pending
      ABC | CDE | +.++. | won
      ABC | CDE | --+++ | lost
      ABC | CDE | +++-- | lost
      ABC | CDE | ..-+. | pending
    `),
  )(
    "of %s and %s that votes %s has %s",
    (incoming = "", outgoing = "", marks = "", expected = "") => {
      const quorum = { incoming: voters(incoming), outgoing: voters(outgoing) };
      expect(quorumVote(quorum, votesOf("ABCDE", marks))).toBe(expected);
    },
  );

  it("has reached what a count of the voters at or above it says", () => {
    const half = fc.uniqueArray(fc.constantFrom(..."ABCDEFGHI".split("")), { maxLength: 7 });
    const values = fc.array(fc.nat(9), { minLength: 9, maxLength: 9 });
    fc.assert(
      fc.property(half, half, values, (incoming, outgoing, reached) => {
        fc.pre(incoming.length > 0);
        const at = (id: string) => reached["ABCDEFGHI".indexOf(id)] ?? 0;
        const quorum = { incoming: incoming.map(nodeId), outgoing: outgoing.map(nodeId) };
        const has = (half: string[], index: number) =>
          half.length === 0 || half.filter((id) => at(id) >= index).length * 2 > half.length;
        const best = [9, 8, 7, 6, 5, 4, 3, 2, 1, 0].find(
          (index) => has(incoming, index) && has(outgoing, index),
        );
        expect(quorumIndex(quorum, at)).toBe(best);
      }),
    );
  });
});
