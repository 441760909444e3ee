// When a cron expression comes true in a time zone, by the rule of Vixie's and cronie's cron. An
// expression with every hour follows real time: it passes over hours that are left out, and comes true
// again in those that come twice. One with certain hours, however they are written, names times of the
// day: what comes twice counts the first time, and all that is left out counts once, where the gap ends.
import { Cron, CronPattern } from "croner";
import { SCHEDULE_LIMITS } from "../../input/request-limits.js";
import { QueueError } from "../errors.js";
import { type TimeZone, timeZone } from "./time-zone.js";

const MODE = "5-or-6-parts";
/** Longer than any hour or day that comes twice or never: there is one change of a clock in it at most. */
const LOOK_MS = 26 * 3_600_000;
/** A longer jump is no summer time, but a day that a country leaves out: there is nothing to make up for. */
const MAX_GAP_MS = 3 * 3_600_000;

/** When it comes true on a clock that is never set, in milliseconds of that clock. */
interface Expression {
  /** True where it names certain hours, and not every one. */
  readonly hasFixedHours: boolean;
  /** The first time that is not before `wallMs`. */
  first(wallMs: number): number | undefined;
}

/**
 * The first occurrence after a time, both in milliseconds since the epoch; undefined where there is
 * none any more.
 *
 * @throws QueueError "invalid_field" naming `cron` or `timezone`
 */
export function nextOccurrence(
  cron: string,
  timezone: string,
  afterMs: number,
): number | undefined {
  const zone = checkedZone(timezone);
  return firstSince(expression(cron), zone, afterMs + 1);
}

/** The first occurrence that is not before `fromMs`; it looks from one change of the clock to the next. */
function firstSince(cron: Expression, zone: TimeZone, fromMs: number): number | undefined {
  let sinceMs = fromMs;
  for (;;) {
    const offsetMs = zone.offsetMs(sinceMs);
    const wallMs = cron.first(Math.max(sinceMs + offsetMs, toldUntilMs(cron, zone, sinceMs)));
    if (wallMs === undefined) return undefined;
    const atMs = wallMs - offsetMs;
    const change = zone.changeWithin(sinceMs, Math.min(atMs, sinceMs + LOOK_MS));
    if (change !== undefined) {
      const gapMs = change.afterMs - change.beforeMs;
      const isInGap = wallMs < change.atMs + change.afterMs;
      if (isInGap && gapMs <= MAX_GAP_MS && cron.hasFixedHours) return change.atMs;
      sinceMs = change.atMs;
    } else if (atMs <= sinceMs + LOOK_MS) {
      return atMs;
    } else {
      sinceMs = atMs - LOOK_MS;
    }
  }
}

/** Where the clock was set back not long ago: what it had shown by then does not count again. */
function toldUntilMs(cron: Expression, zone: TimeZone, sinceMs: number): number {
  if (!cron.hasFixedHours) return -Infinity;
  const change = zone.changeWithin(sinceMs - LOOK_MS, sinceMs);
  if (change === undefined || change.afterMs > change.beforeMs) return -Infinity;
  return change.atMs + change.beforeMs;
}

function checkedZone(timezone: string): TimeZone {
  try {
    if (timezone.length > SCHEDULE_LIMITS.timezoneLength) throw new RangeError("it is too long");
    return timeZone(timezone);
  } catch (cause) {
    throw new QueueError(
      "invalid_field",
      "timezone must be an IANA time zone such as Europe/Berlin, or UTC",
      { field: "timezone", cause },
    );
  }
}

function expression(cron: string): Expression {
  try {
    if (cron.length > SCHEDULE_LIMITS.cronLength) throw new RangeError("it is too long");
    // The library takes a date as well, for a single run.
    if (cron.includes(":")) throw new RangeError("it holds a time of day");
    const { hour } = new CronPattern(cron, undefined, { mode: MODE });
    const runs = new Cron(cron, { utcOffset: 0, paused: true, mode: MODE });
    return {
      hasFixedHours: hour.some((matches) => matches === 0),
      first: (wallMs) => runs.nextRun(new Date(wallMs - 1))?.getTime(),
    };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.replace(/^CronPattern: /, "") : "";
    throw new QueueError(
      "invalid_field",
      'cron must have five fields, or six with seconds first, such as "*/5 9-17 * * 1-5" or ' +
        `"@daily": ${reason}`,
      { field: "cron", cause },
    );
  }
}
