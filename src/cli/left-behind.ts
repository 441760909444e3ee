// What a killed `up` leaves behind ends by itself in a moment; until then it holds ports and folders that
// the next one is about to take.
import { setTimeout as sleep } from "node:timers/promises";
import { isAlive, startTimeOf } from "../bootstrap/process-lock.mjs";
import { ExitError } from "./exit.js";
import { processesOfMesh, processLine } from "./processes.js";

const WAIT_MS = 10_000;
const POLL_MS = 50;

/**
 * Waits for nodes and gateways of the mesh that ran in this data folder before. To be called by the one
 * `up` that has the folder: whatever belongs to it then is left over.
 * @param say told what is waited for
 * @throws ExitError where one does not end
 */
export async function awaitLeftBehind(
  dataDir: string,
  say: (line: string) => void,
  waitMs = WAIT_MS,
): Promise<void> {
  const endsAtMs = performance.now() + waitMs;
  for (const left of processesOfMesh(dataDir)) {
    const { pid } = left;
    const startedAt = startTimeOf(pid);
    if (startedAt === undefined) continue;
    say(`waiting for ${processLine(left)} of the mesh that ran here before to end`);
    while (isAlive({ pid, startedAt })) {
      if (performance.now() > endsAtMs) {
        throw new ExitError(
          `${processLine(left)} of the mesh that ran in ${dataDir} before does not end; end it with "kill -9 ${pid}"`,
        );
      }
      await sleep(POLL_MS);
    }
  }
}
