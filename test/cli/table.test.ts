// Tables and pairs on a terminal of a given width, and as they are in a pipe.
import { describe, expect, test } from "vitest";
import { textOf } from "../../src/cli/gateway-client.js";
import { pairs } from "../../src/cli/output.js";
import { type Column, table } from "../../src/cli/table.js";
import { relativeTime } from "../../src/cli/when.js";

const columns: readonly (string | Column)[] = [
  "ID",
  { title: "QUEUE", min: 5 },
  { title: "ATTEMPTS", narrow: { title: "TRY" } },
  { title: "CREATED", narrow: { title: "AGE", cell: (iso) => iso.slice(11, 13) } },
  { title: "PID", isOptional: true },
];
const rows = [
  ["01ABCDEF", "a-long-queue", "1/3", "2026-01-01T10:00:00.000Z", "4711"],
  ["01ABCDEG", "mail", "2/3", "2026-01-01T11:00:00.000Z", "4712"],
];

describe("a table", () => {
  test("is as wide as its content where there is no terminal", () => {
    expect(table(columns, rows, Number.POSITIVE_INFINITY)).toEqual([
      "ID        QUEUE         ATTEMPTS  CREATED                   PID",
      "01ABCDEF  a-long-queue  1/3       2026-01-01T10:00:00.000Z  4711",
      "01ABCDEG  mail          2/3       2026-01-01T11:00:00.000Z  4712",
    ]);
  });

  test("says the same in fewer columns first, then cuts, then leaves out", () => {
    expect(table(columns, rows, 40)[1]).toBe("01ABCDEF  a-long-queue  1/3  10   4711");
    expect(table(columns, rows, 35)[1]).toBe("01ABCDEF  a-long-q…  1/3  10   4711");
    expect(table(columns, rows, 27)[1]).toBe("01ABCDEF  a-lo…  1/3  10");
  });

  test.each([80, 60, 40, 30, 27])("fits a terminal of %i columns", (width) => {
    for (const line of table(columns, rows, width)) expect(line.length).toBeLessThanOrEqual(width);
  });
});

test("a long value goes on below itself, and a word that is longer stays whole", () => {
  expect(pairs([["tasks", "pending 1   running 2   dead 3"]], 20)).toEqual([
    "tasks  pending 1",
    "       running 2",
    "       dead 3",
  ]);
  expect(pairs([["id", "0123456789"]], 8)).toEqual(["id  0123456789"]);
});

test("a time is told by its distance, behind and ahead", () => {
  const nowMs = Date.parse("2026-01-01T12:00:00Z");
  const at = (iso: string) => relativeTime(iso, nowMs);

  expect(at("2026-01-01T11:59:55Z")).toBe("5s");
  expect(at("2026-01-01T11:00:00Z")).toBe("1h");
  expect(at("2026-01-04T13:00:00Z")).toBe("in 3d");
  expect(at("")).toBe("");
});

test("what others wrote cannot command the terminal", () => {
  expect(textOf("a\u001b[2Jb\u0000")).toBe("a\\u001b[2Jb\\u0000");
  expect(textOf({ a: "\u009b" })).toBe('{"a":"\\u009b"}');
  expect(textOf("two\nlines")).toBe("two\nlines");
});

test("a value that is nested too deep to be written is said to be so", () => {
  const deep: unknown = JSON.parse(`${"[".repeat(50_000)}${"]".repeat(50_000)}`);

  expect(textOf(deep)).toBe("(nested too deep to be shown)");
});
