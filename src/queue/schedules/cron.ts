// When a cron expression comes true, in a time zone. A time that a change of the clock leaves out
// counts at the end of the gap; one that comes twice counts once.
import { Cron } from "croner";
import { QueueError } from "../errors.js";

const MAX_CRON_LENGTH = 256;
const MAX_TIMEZONE_LENGTH = 64;

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
  checkTimezone(timezone);
  return expression(cron, timezone).nextRun(new Date(afterMs))?.getTime();
}

function checkTimezone(timezone: string): void {
  try {
    if (timezone.length > MAX_TIMEZONE_LENGTH) throw new RangeError("it is too long");
    new Intl.DateTimeFormat("en", { timeZone: timezone });
  } catch (cause) {
    throw new QueueError(
      "invalid_field",
      "timezone must be an IANA time zone such as Europe/Berlin, or UTC",
      { field: "timezone", cause },
    );
  }
}

function expression(cron: string, timezone: string): Cron {
  try {
    if (cron.length > MAX_CRON_LENGTH) throw new RangeError("it is too long");
    // The library takes a date as well, for a single run.
    if (cron.includes(":")) throw new RangeError("it holds a time of day");
    return new Cron(cron, { timezone, paused: true, mode: "5-or-6-parts" });
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
