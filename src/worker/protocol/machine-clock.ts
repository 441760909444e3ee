// The monotonic clock of the machine, which all its threads and processes read alike: each one's
// performance.now() counts from a start of its own.

const MS_PER_S = 1_000;
const NS_PER_MS = 1_000_000;

/** Milliseconds since some moment of the machine's past. */
export function machineMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * MS_PER_S + nanoseconds / NS_PER_MS;
}
