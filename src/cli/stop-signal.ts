// When a command that started a mesh is told to stop it: Ctrl+C, SIGTERM, or npm gone.
import { setTimeout as sleep } from "node:timers/promises";

/** Signals closer together than this are one: npm passes on the Ctrl+C that the terminal sent, too. */
const SAME_SIGNAL_MS = 500;
const PARENT_POLL_MS = 1_000;

/** Resolves at the first request to stop; `again` is called at the second. */
export function stopSignal(again: () => void): Promise<undefined> {
  return new Promise((resolve) => {
    let firstAtMs: number | undefined;
    const onSignal = (): void => {
      if (firstAtMs === undefined) {
        firstAtMs = Date.now();
        resolve(undefined);
      } else if (Date.now() - firstAtMs > SAME_SIGNAL_MS) {
        again();
      }
    };
    process.on("SIGINT", onSignal);
    process.on("SIGTERM", onSignal);
    process.on("SIGHUP", onSignal);
    void whenNpmIsGone().then(() => resolve(undefined));
  });
}

// `npm start` execs this process in the place of npm's shell, so the parent is npm. When npm is
// killed outright, the mesh must not stay behind.
async function whenNpmIsGone(): Promise<void> {
  const { ppid } = process;
  if (process.env["npm_lifecycle_event"] === undefined) return new Promise(() => undefined);
  while (process.ppid === ppid) await sleep(PARENT_POLL_MS, undefined, { ref: false });
}
