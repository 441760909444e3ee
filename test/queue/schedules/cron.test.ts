// When cron expressions come true.
import { describe, expect, test } from "vitest";
import { QueueError } from "../../../src/queue/errors.js";
import { nextOccurrence } from "../../../src/queue/schedules/cron.js";

const after = (cron: string, timezone: string, from: string, count = 1): string[] => {
  const found: string[] = [];
  let atMs: number | undefined = Date.parse(from);
  while (found.length < count && atMs !== undefined) {
    atMs = nextOccurrence(cron, timezone, atMs);
    if (atMs !== undefined) found.push(new Date(atMs).toISOString());
  }
  return found;
};

describe("a cron expression", () => {
  test("counts in its time zone", () => {
    expect(after("0 9 * * *", "America/New_York", "2026-01-10T00:00:00Z")).toEqual([
      "2026-01-10T14:00:00.000Z",
    ]);
  });

  test("with six fields has seconds", () => {
    expect(after("*/20 * * * * *", "UTC", "2026-01-10T00:00:01Z", 3)).toEqual([
      "2026-01-10T00:00:20.000Z",
      "2026-01-10T00:00:40.000Z",
      "2026-01-10T00:01:00.000Z",
    ]);
  });

  test("comes true once on the day that has its hour twice", () => {
    expect(after("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2)).toEqual([
      "2026-10-25T00:30:00.000Z",
      "2026-10-26T01:30:00.000Z",
    ]);
  });

  test("comes true behind the gap on the day that lacks its hour", () => {
    expect(after("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", 2)).toEqual([
      "2026-03-29T01:00:00.000Z",
      "2026-03-30T00:30:00.000Z",
    ]);
  });

  test("that names no day never comes true", () => {
    expect(after("0 0 31 2 *", "UTC", "2026-01-10T00:00:00Z")).toEqual([]);
  });

  test.each([
    ["61 * * * *", "UTC", "cron"],
    ["* * * *", "UTC", "cron"],
    ["", "UTC", "cron"],
    ["2030-01-01T00:00:00", "UTC", "cron"],
    ["* * * * * * 2030", "UTC", "cron"],
    ["* * * * *", "Mars/Olympus", "timezone"],
    ["* * * * *", "", "timezone"],
  ])("%j in %j is refused by the name of its field", (cron, timezone, field) => {
    const refused = (): unknown => nextOccurrence(cron, timezone, 0);

    expect(refused).toThrow(QueueError);
    expect(refused).toThrow(expect.objectContaining({ code: "invalid_field", field }) as Error);
  });
});
