// Dates as people write them: RFC 3339, and beside it offsets without a colon (+0100, +01) and times
// without seconds. One place for whoever takes one as text.

/** Years that a date can have. */
const FIRST_YEAR = 1970;
const LAST_YEAR = 9_999;

const FORM =
  /^(?<year>\d{4})-(?<month>\d\d)-(?<day>\d\d)[Tt ](?<hour>\d\d):(?<minute>\d\d)(?::(?<second>\d\d)(?:\.(?<fraction>\d{1,18}))?)?(?<zone>[Zz]|(?<sign>[+-])(?<zoneHour>\d\d)(?::?(?<zoneMinute>\d\d))?)?$/;

const EXAMPLE = "2030-01-31T12:00:00Z";

export type ParsedDateTime =
  | { readonly kind: "time"; readonly atMs: number }
  /** What is wrong and what to write, to stand behind the name of a field. */
  | { readonly kind: "refused"; readonly reason: string };

/**
 * The moment that a text names, in milliseconds since the epoch; the part of a millisecond counts up,
 * so that nothing is early. A leap second (23:59:60 UTC at the end of a month) is the second after it.
 */
export function parseDateTime(text: string): ParsedDateTime {
  const parts = FORM.exec(text)?.groups;
  if (parts === undefined) {
    return refused(`must be an ISO 8601 time with a time zone such as ${EXAMPLE}`);
  }
  if (parts["zone"] === undefined) {
    return refused("has no time zone: add Z for UTC, or an offset such as +01:00");
  }
  const part = (name: string): number => Number(parts[name] ?? 0);
  const [year, month, day] = [part("year"), part("month"), part("day")];
  const [hour, minute, second] = [part("hour"), part("minute"), part("second")];
  if (year < FIRST_YEAR) return refused(`must not be before ${FIRST_YEAR}`);
  const days = month >= 1 && month <= 12 ? new Date(Date.UTC(year, month, 0)).getUTCDate() : 0;
  if (day < 1 || day > days) {
    return refused(`names a day that there is not: ${text.slice(0, 10)}`);
  }
  if (hour > 23) return refused("names an hour past 23: midnight is 00:00 of the next day");
  if (minute > 59 || second > 60) return refused("names a minute past 59, or a second past 59");
  if (part("zoneHour") > 23 || part("zoneMinute") > 59) {
    return refused("has an offset past 23:59: write it as hours and minutes, such as +01:00");
  }
  const aheadMinutes =
    (parts["sign"] === "-" ? -1 : 1) * (part("zoneHour") * 60 + part("zoneMinute"));
  const wholeMs = Date.UTC(year, month - 1, day, hour, minute - aheadMinutes, second);
  if (second === 60 && !isMonthBegin(wholeMs)) {
    return refused("names a second 60 where none is: only 23:59:60 UTC ends a month");
  }
  const atMs = wholeMs + Math.ceil(Number(`0.${parts["fraction"] ?? "0"}`) * 1_000);
  if (atMs < 0) return refused(`must not be before ${FIRST_YEAR}`);
  if (new Date(atMs).getUTCFullYear() > LAST_YEAR) {
    return refused(`must not be after ${LAST_YEAR}`);
  }
  return { kind: "time", atMs };
}

function isMonthBegin(atMs: number): boolean {
  const date = new Date(atMs);
  return date.getUTCDate() === 1 && atMs % 86_400_000 === 0;
}

function refused(reason: string): ParsedDateTime {
  return { kind: "refused", reason };
}
