// Times as people write them in a query: 10s, 500ms, 2m; a bare number means seconds.

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000 } as const;
const DURATION = /^(\d{1,9})(ms|s|m)?$/;

/** Milliseconds; undefined where the text is no time. */
export function parseDurationMs(text: string): number | undefined {
  const match = DURATION.exec(text);
  if (match === null) return undefined;
  const [, amount, unit] = match;
  const unitMs = unit === "ms" || unit === "m" ? UNIT_MS[unit] : UNIT_MS.s;
  return Number(amount) * unitMs;
}
