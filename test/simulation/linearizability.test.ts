// The checker itself: histories known to be good or bad, and agreement with brute force.
import { describe, expect, it } from "vitest";
import { NEVER_WRITTEN, type Operation } from "./history.js";
import { checkRegister } from "./linearizability.js";
import { Prng } from "./prng.js";

const write = (value: number, invokedAt: number, returnedAt: number): Operation => ({
  kind: "write",
  key: 1,
  value,
  invokedAt,
  returnedAt,
});
const read = (value: number, invokedAt: number, returnedAt: number): Operation => ({
  ...write(value, invokedAt, returnedAt),
  kind: "read",
});

const GOOD: Readonly<Record<string, readonly Operation[]>> = {
  "nothing at all": [],
  "a read before the first write": [read(NEVER_WRITTEN, 1, 2), write(1, 3, 4)],
  "a read after a write": [write(1, 1, 2), read(1, 3, 4)],
  "a read of either value while a write is under way": [
    write(1, 1, 2),
    write(2, 3, 10),
    read(1, 4, 5),
    read(2, 6, 7),
  ],
  "two overlapping writes seen in one order": [
    write(1, 1, 10),
    write(2, 2, 9),
    read(2, 11, 12),
    read(2, 13, 14),
  ],
  "a lost answer whose write shows much later": [
    write(1, 1, 2),
    write(2, 3, Infinity),
    read(1, 4, 5),
    write(3, 6, 7),
    read(3, 8, 9),
    read(2, 10, 11),
  ],
  "a lost answer whose write never shows": [write(1, 1, Infinity), read(NEVER_WRITTEN, 2, 3)],
  "a write that overlaps its reader": [read(1, 1, 10), write(1, 2, 9)],
};

const BAD: Readonly<Record<string, readonly Operation[]>> = {
  "a stale read": [write(1, 1, 2), write(2, 3, 4), read(1, 5, 6)],
  "a read that misses an acknowledged write": [write(1, 1, 2), read(NEVER_WRITTEN, 3, 4)],
  "a read of what nobody wrote": [write(1, 1, 2), read(7, 3, 4)],
  "a read from the future": [read(1, 1, 2), write(1, 3, 4)],
  "a value that comes, goes and comes back": [
    write(1, 1, 2),
    write(2, 3, 20),
    read(2, 4, 5),
    read(1, 6, 7),
    read(2, 8, 9),
  ],
  "two readers that disagree on the order of two writes": [
    write(1, 1, 20),
    write(2, 2, 20),
    read(1, 3, 4),
    read(2, 5, 6),
    read(1, 7, 8),
  ],
  "a lost answer whose write shows and is then forgotten": [
    write(1, 1, 2),
    write(2, 3, Infinity),
    read(2, 4, 5),
    read(1, 6, 7),
  ],
};

describe("the linearizability checker", () => {
  for (const [name, history] of Object.entries(GOOD)) {
    it(`accepts ${name}`, () => {
      expect(checkRegister(history).kind).toBe("linearizable");
    });
  }

  for (const [name, history] of Object.entries(BAD)) {
    it(`refuses ${name}`, () => {
      expect(checkRegister(history).kind).toBe("violation");
    });
  }

  it("names the operation that found no place", () => {
    const stale = read(1, 5, 6);
    const verdict = checkRegister([write(1, 1, 2), write(2, 3, 4), stale]);
    expect(verdict).toMatchObject({ kind: "violation", stuckAt: stale });
  });

  it("says that it does not know where the bound of the search is reached", () => {
    expect(checkRegister([write(1, 1, 2), read(1, 3, 4)], 0).kind).toBe("undecided");
  });

  it("agrees with brute force on thousands of small random histories", () => {
    const prng = new Prng(20_14);
    const verdicts = { linearizable: 0, violation: 0 };
    for (let round = 0; round < 4_000; round += 1) {
      const history = randomHistory(prng);
      const expected = isLinearizableByBruteForce(history) ? "linearizable" : "violation";
      expect(checkRegister(history).kind, JSON.stringify(history)).toBe(expected);
      verdicts[expected] += 1;
    }
    expect(verdicts.linearizable).toBeGreaterThan(500);
    expect(verdicts.violation).toBeGreaterThan(500);
  });

  it("decides a long history with many overlapping writes quickly", () => {
    const history: Operation[] = [];
    for (let value = 1; value <= 400; value += 1) {
      history.push(write(value, value * 10, value % 3 === 0 ? Infinity : value * 10 + 55));
      if (value % 3 !== 0) history.push(read(value, value * 10 + 1, value * 10 + 8));
    }
    const verdict = checkRegister(history);
    expect(verdict.kind).toBe("linearizable");
    expect(verdict.steps).toBeLessThan(100_000);
  });
});

const randomHistory = (prng: Prng): Operation[] => {
  const history: Operation[] = [];
  const length = prng.between(2, 6);
  for (let value = 1; value <= length; value += 1) {
    const from = prng.below(12);
    const to = from + prng.between(1, 6);
    if (prng.chance(0.5)) history.push(write(value, from, prng.chance(0.2) ? Infinity : to + 0.5));
    else history.push(read(prng.below(length + 1), from, to + 0.5));
  }
  return history;
};

/** Tries every order that keeps real time, and every choice of what lost writes did. */
const isLinearizableByBruteForce = (rest: readonly Operation[], state = NEVER_WRITTEN): boolean => {
  if (rest.every((operation) => operation.returnedAt === Infinity)) return true;
  return rest.some((candidate) => {
    const others = rest.filter((operation) => operation !== candidate);
    if (others.some((other) => other.returnedAt < candidate.invokedAt)) return false;
    if (candidate.kind === "read" && candidate.value !== state) return false;
    return isLinearizableByBruteForce(others, candidate.value);
  });
};
