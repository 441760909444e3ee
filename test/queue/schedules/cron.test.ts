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

/** Cron, zone, what is told, from when on, and the next times; UTC. */
const CHANGES: readonly [string, string, string, string, readonly string[]][] = [
  // The clocks go from 2:00 to 3:00 on 2027-03-28, and from 3:00 back to 2:00 on 2026-10-25.
  [
    "30 2 * * *",
    "Europe/Berlin",
    "counts once where the gap ends",
    "2027-03-27T20:00:00",
    ["2027-03-28T01:00:00"],
  ],
  [
    "*/15 2 * * *",
    "Europe/Berlin",
    "counts once where the gap ends",
    "2027-03-27T20:00:00",
    ["2027-03-28T01:00:00"],
  ],
  [
    "* 2 * * *",
    "Europe/Berlin",
    "counts once where the gap ends",
    "2027-03-27T20:00:00",
    ["2027-03-28T01:00:00"],
  ],
  [
    "0,30 2 * * *",
    "Europe/Berlin",
    "goes on as ever behind the gap",
    "2027-03-28T00:00:00",
    ["2027-03-28T01:00:00", "2027-03-29T00:00:00", "2027-03-29T00:30:00"],
  ],
  [
    "0 3 * * *",
    "Europe/Berlin",
    "names the end of the gap itself",
    "2027-03-27T20:00:00",
    ["2027-03-28T01:00:00", "2027-03-29T01:00:00"],
  ],
  [
    "0 2,3 * * *",
    "Europe/Berlin",
    "counts two times as one there",
    "2027-03-27T20:00:00",
    ["2027-03-28T01:00:00", "2027-03-29T00:00:00"],
  ],
  [
    "30 */2 * * *",
    "Europe/Berlin",
    "has certain hours, by a step",
    "2027-03-28T00:00:00",
    ["2027-03-28T01:00:00", "2027-03-28T02:30:00"],
  ],
  [
    "*/30 * * * *",
    "Europe/Berlin",
    "passes over the gap",
    "2027-03-28T00:00:00",
    ["2027-03-28T00:30:00", "2027-03-28T01:00:00", "2027-03-28T01:30:00"],
  ],
  [
    "*/30 0-23 * * *",
    "Europe/Berlin",
    "has every hour, however written",
    "2026-10-24T23:45:00",
    ["2026-10-25T00:00:00", "2026-10-25T00:30:00", "2026-10-25T01:00:00", "2026-10-25T01:30:00"],
  ],
  [
    "30 2 * * *",
    "Europe/Berlin",
    "counts once where it comes twice",
    "2026-10-24T12:00:00",
    ["2026-10-25T00:30:00", "2026-10-26T01:30:00"],
  ],
  [
    "*/15 2 * * *",
    "Europe/Berlin",
    "comes four times, not eight",
    "2026-10-24T12:00:00",
    ["2026-10-25T00:00:00", "2026-10-25T00:15:00", "2026-10-25T00:30:00", "2026-10-25T00:45:00"],
  ],
  [
    "*/15 2 * * *",
    "Europe/Berlin",
    "comes on the next day then",
    "2026-10-25T00:45:00",
    ["2026-10-26T01:00:00"],
  ],
  [
    "15,45 1-3 * * *",
    "Europe/Berlin",
    "goes through all hours",
    "2026-10-25T00:20:00",
    ["2026-10-25T00:45:00", "2026-10-25T02:15:00", "2026-10-25T02:45:00"],
  ],
  [
    "0 * * * *",
    "Europe/Berlin",
    "comes in both hours",
    "2026-10-24T23:30:00",
    ["2026-10-25T00:00:00", "2026-10-25T01:00:00", "2026-10-25T02:00:00"],
  ],
  [
    "0 */20 2 * * *",
    "Europe/Berlin",
    "with seconds does as well",
    "2026-10-25T00:50:00",
    ["2026-10-26T01:00:00"],
  ],
  // 2:00 to 3:00 on 2027-03-14, 2:00 back to 1:00 on 2026-11-01.
  [
    "15,45 2 * * *",
    "America/New_York",
    "counts where the gap ends",
    "2027-03-14T00:00:00",
    ["2027-03-14T07:00:00", "2027-03-15T06:15:00"],
  ],
  [
    "*/30 1 * * *",
    "America/New_York",
    "counts the first time",
    "2026-11-01T00:00:00",
    ["2026-11-01T05:00:00", "2026-11-01T05:30:00", "2026-11-02T06:00:00"],
  ],
  // By half an hour: 2:00 to 2:30 on 2026-10-04, 2:00 back to 1:30 on 2026-04-05.
  [
    "0,15,45 2 * * *",
    "Australia/Lord_Howe",
    "lacks half an hour",
    "2026-10-03T12:00:00",
    ["2026-10-03T15:30:00", "2026-10-03T15:45:00", "2026-10-04T15:00:00"],
  ],
  [
    "15,45 1 * * *",
    "Australia/Lord_Howe",
    "has half an hour twice",
    "2026-04-04T12:00:00",
    ["2026-04-04T14:15:00", "2026-04-04T14:45:00", "2026-04-05T14:45:00"],
  ],
  [
    "15,45 * * * *",
    "Australia/Lord_Howe",
    "follows real time there",
    "2026-04-04T14:30:00",
    ["2026-04-04T14:45:00", "2026-04-04T15:15:00", "2026-04-04T15:45:00"],
  ],
  // At midnight: 0:00 to 1:00 on 2026-04-24, 24:00 back to 23:00 on 2026-10-29.
  [
    "0 0 * * *",
    "Africa/Cairo",
    "finds midnight left out",
    "2026-04-23T12:00:00",
    ["2026-04-23T22:00:00", "2026-04-24T21:00:00"],
  ],
  [
    "30 0 * * 5",
    "Africa/Cairo",
    "keeps its day of the week",
    "2026-04-23T12:00:00",
    ["2026-04-23T22:00:00", "2026-04-30T21:30:00"],
  ],
  [
    "30 23 * * *",
    "Africa/Cairo",
    "has the last hour twice",
    "2026-10-29T12:00:00",
    ["2026-10-29T20:30:00", "2026-10-30T21:30:00"],
  ],
  [
    "0 0 * * *",
    "Africa/Cairo",
    "comes behind both last hours",
    "2026-10-29T12:00:00",
    ["2026-10-29T22:00:00", "2026-10-30T22:00:00"],
  ],
  [
    "0 * 29 10 *",
    "Africa/Cairo",
    "has 25 hours on that day",
    "2026-10-29T19:30:00",
    ["2026-10-29T20:00:00", "2026-10-29T21:00:00", "2027-10-28T22:00:00"],
  ],
  // 0:00 to 1:00 on 2026-09-06, 24:00 back to 23:00 on 2026-04-04.
  [
    "0,30 0 * * *",
    "America/Santiago",
    "finds midnight left out",
    "2026-09-05T12:00:00",
    ["2026-09-06T04:00:00", "2026-09-07T03:00:00"],
  ],
  [
    "59 23 * * *",
    "America/Santiago",
    "counts the first time",
    "2026-04-04T12:00:00",
    ["2026-04-05T02:59:00", "2026-04-06T03:59:00"],
  ],
  // The day of 2011-12-30 is left out: more than a change of the clock, and not made up for.
  [
    "0 2 * * *",
    "Pacific/Apia",
    "has no day to come on",
    "2011-12-29T00:00:00",
    ["2011-12-29T12:00:00", "2011-12-30T12:00:00"],
  ],
  [
    "0 */12 * * *",
    "Pacific/Apia",
    "goes on with the next day",
    "2011-12-29T13:00:00",
    ["2011-12-29T22:00:00", "2011-12-30T10:00:00", "2011-12-30T22:00:00"],
  ],
  [
    "0 0 30 12 *",
    "Pacific/Apia",
    "waits for the next year",
    "2011-12-01T00:00:00",
    ["2012-12-29T10:00:00"],
  ],
  [
    "0 9 * * *",
    "Asia/Kolkata",
    "never changes",
    "2026-03-28T00:00:00",
    ["2026-03-28T03:30:00", "2026-03-29T03:30:00"],
  ],
  [
    "0,30 2 * * *",
    "UTC",
    "never changes",
    "2027-03-27T20:00:00",
    ["2027-03-28T02:00:00", "2027-03-28T02:30:00", "2027-03-29T02:00:00"],
  ],
];

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

  test.each(CHANGES)("%s in %s %s", (cron, timezone, _why, from, expected) => {
    expect(after(cron, timezone, `${from}Z`, expected.length)).toEqual(
      expected.map((time) => `${time}.000Z`),
    );
  });

  test("comes true at the same times wherever one starts to look", () => {
    // Half a day before each zone's clocks are set.
    const zones = {
      "Europe/Berlin": ["2027-03-27T13:00", "2026-10-24T13:00"],
      "Australia/Lord_Howe": ["2026-10-03T03:30", "2026-04-04T03:00"],
      "Africa/Cairo": ["2026-04-23T10:00", "2026-10-29T09:00"],
      "America/Santiago": ["2026-09-05T16:00", "2026-04-04T15:00"],
    };
    const crons = ["*/15 2 * * *", "*/10 * * * *", "30 0,1,23 * * *", "5-35/10 */2 * * *"];
    for (const [zone, starts] of Object.entries(zones)) {
      for (const [cron, start] of crons.flatMap((one) => starts.map((at) => [one, at] as const))) {
        const all = after(cron, zone, `${start}Z`, 90);
        const stepped = all.slice(0, -1).flatMap((one, at) => {
          const middle = (Date.parse(one) + Date.parse(all[at + 1] ?? "")) / 2;
          return after(cron, zone, new Date(middle).toISOString());
        });
        expect(stepped).toEqual(all.slice(1));
      }
    }
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
