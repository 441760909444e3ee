// Times in few characters, for tables on a terminal; JSON has them in full.

const UNITS: readonly (readonly [number, string])[] = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "m"],
];

/** How long ago an ISO 8601 time was, or in how long it comes: `5s`, `3m`, `in 2h`; empty for none. */
export function relativeTime(iso: string, nowMs = Date.now()): string {
  const ms = nowMs - Date.parse(iso);
  if (Number.isNaN(ms)) return "";
  return ms < 0 ? `in ${spanText(-ms)}` : spanText(ms);
}

/** The time of day of an ISO 8601 time: `12:00:00`; empty for none. */
export function timeOfDay(iso: string): string {
  return iso.slice(11, 19);
}

/** A span in its largest unit: `59s`, `3m`, `2h`, `4d`. */
export function spanText(ms: number): string {
  const [unitMs, unit] = UNITS.find(([size]) => ms >= size) ?? [1_000, "s"];
  return `${Math.floor(ms / unitMs)}${unit}`;
}
