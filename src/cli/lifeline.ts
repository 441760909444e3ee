// Ties a process to the life of its parent, by a pipe that the parent never writes to: the system closes
// it when the parent ends, however that ends. A thread of its own waits for that, since this process may
// be busy, or take its time to stop, when it comes.
import { Worker } from "node:worker_threads";

/** Where the child finds the pipe; the one before it is the IPC channel's. */
export const LIFELINE_FD = 4;
/** How long an orphan may take to stop well: its ports and its folder are wanted by the next start. */
const ORPHAN_GRACE_MS = 1_500;
/** The thread does next to nothing. */
const THREAD_LIMITS = { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 1, stackSizeMb: 1 };

/** Ends this process within `graceMs` of its parent's end. Without effect where none supervises it. */
export function tieToParent(graceMs = ORPHAN_GRACE_MS): void {
  if (process.send === undefined) return;
  const thread = new Worker(new URL("lifeline-thread.js", import.meta.url), {
    workerData: { fd: LIFELINE_FD, graceMs },
    resourceLimits: THREAD_LIMITS,
  });
  thread.unref();
}
