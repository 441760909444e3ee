// A time zone as two questions: how far its clocks are ahead of UTC at a moment, and when they change.
import { OldestFirstMap } from "../oldest-first-map.js";

/** Formatters that are kept: to make one takes a hundred times as long as to ask it. */
const MAX_KEPT_ZONES = 256;

/** The clocks of a zone are set: behind this moment they are ahead of UTC by another time. */
export interface ZoneChange {
  /** The first moment at which the new offset counts, milliseconds since the epoch. */
  readonly atMs: number;
  readonly beforeMs: number;
  readonly afterMs: number;
}

const kept = new OldestFirstMap<string, TimeZone>();

/** The zone of an IANA name. @throws RangeError where there is none */
export function timeZone(name: string): TimeZone {
  const known = kept.get(name);
  if (known !== undefined) return known;
  const zone = new TimeZone(name);
  kept.set(name, zone);
  if (kept.size > MAX_KEPT_ZONES) kept.takeOldest();
  return zone;
}

export class TimeZone {
  readonly #format: Intl.DateTimeFormat;

  constructor(name: string) {
    this.#format = new Intl.DateTimeFormat("en-US", {
      timeZone: name,
      calendar: "gregory",
      hourCycle: "h23",
      ...{ era: "short", year: "numeric", month: "numeric", day: "numeric" },
      ...{ hour: "numeric", minute: "numeric", second: "numeric" },
    });
  }

  /** How far its clocks are ahead of UTC, milliseconds. */
  offsetMs(atMs: number): number {
    const parts = new Map(this.#format.formatToParts(atMs).map(({ type, value }) => [type, value]));
    const part = (type: Intl.DateTimeFormatPartTypes): number => Number(parts.get(type));
    const wholeMs = Math.floor(atMs / 1_000) * 1_000;
    const shown = Date.UTC(
      ...([part("year"), part("month") - 1, part("day")] as const),
      ...([part("hour"), part("minute"), part("second")] as const),
    );
    return shown - wholeMs;
  }

  /** The change after `fromMs`, up to `toMs`; the two are so near that there is one at most. */
  changeWithin(fromMs: number, toMs: number): ZoneChange | undefined {
    const beforeMs = this.offsetMs(fromMs);
    const afterMs = this.offsetMs(toMs);
    if (beforeMs === afterMs) return undefined;
    let [old, changed] = [Math.floor(fromMs / 1_000), Math.ceil(toMs / 1_000)];
    while (changed - old > 1) {
      const middle = Math.floor((old + changed) / 2);
      if (this.offsetMs(middle * 1_000) === beforeMs) old = middle;
      else changed = middle;
    }
    return { atMs: changed * 1_000, beforeMs, afterMs };
  }
}
