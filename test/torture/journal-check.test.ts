// The check of the torture must see what it is there to see.
import { describe, expect, test } from "vitest";
import type { JournalLine } from "../support/journal.js";
import { Journaled } from "./journal-check.js";

const line = (event: JournalLine["event"], fence: number, atNs: number, pid = fence) => ({
  event,
  id: "a",
  attempt: 1,
  fence,
  pid,
  node: String(pid),
  atNs: String(atNs),
});
const overlaps = (
  lines: readonly JournalLine[],
  killed: readonly [number, bigint][] = [],
  frozen: Parameters<Journaled["overlaps"]>[1] = [],
): readonly string[] =>
  new Journaled(lines).overlaps(new Map(killed), frozen).map(({ what }) => what);

describe("two runs of a task", () => {
  test("are fine one after the other", () => {
    const lines = [line("started", 1, 10), line("aborted", 1, 20), line("started", 2, 20)];

    expect(overlaps([...lines, line("ended", 2, 30)])).toEqual([]);
  });

  test("are told where the first went on when the second began", () => {
    const lines = [line("started", 1, 10), line("started", 2, 20), line("ended", 1, 1_000_020)];

    expect(overlaps(lines)).toEqual(["run 1 stopped 1 ms after run 2 began"]);
  });

  test("are told where nobody knows that the first has stopped", () => {
    const lines = [line("started", 1, 10), line("started", 2, 20)];

    expect(overlaps(lines)).toHaveLength(1);
    expect(overlaps(lines, [[1, 15n]])).toEqual([]);
    expect(overlaps(lines, [[1, 25n]])).toHaveLength(1);
  });

  test("are fine where the first was frozen when the second began", () => {
    const lines = [line("started", 1, 10), line("started", 2, 20), line("ended", 1, 40)];

    expect(overlaps(lines, [], [{ pid: 1, fromNs: 12n, toNs: 41n }])).toEqual([]);
    expect(overlaps(lines, [], [{ pid: 2, fromNs: 12n, toNs: 41n }])).toHaveLength(1);
    expect(overlaps(lines, [], [{ pid: 1, fromNs: 21n, toNs: 41n }])).toHaveLength(1);
  });

  test("are told where an assignment that was taken away was begun late, by a process that went on", () => {
    const lines = [
      line("started", 2, 10),
      line("ended", 2, 30),
      line("started", 1, 40),
      line("aborted", 1, 50),
    ];

    expect(overlaps(lines)).toHaveLength(1);
    expect(overlaps(lines, [], [{ pid: 1, fromNs: 5n, toNs: 45n }])).toHaveLength(1);
  });
});

test("a run after the one that completed the task is told", () => {
  const lines = [line("started", 1, 10), line("ended", 1, 20), line("started", 2, 30)];
  const after = (status: string, fence: number) =>
    new Journaled(lines).afterTheEnd(new Map([["a", { status, fence }]])).map(({ what }) => what);

  expect(after("completed", 1)).toEqual(["run 2 began, and run 1 had completed it"]);
  expect(after("completed", 2)).toEqual([]);
  expect(after("running", 1)).toEqual([]);
});
