// What runs in a thread: one attempt at a time, with the same handlers as the node has.
import { getPriority, setPriority } from "node:os";
import { receiveMessageOnPort } from "node:worker_threads";
import { BUILTIN_TYPES } from "../builtin-handlers.js";
import type { TaskType } from "../handler.js";
import type { AttemptResult } from "../outcome.js";
import { runHandler } from "../run-handler.js";
import { loadUserTypes } from "../user-module.js";
import { StopOrder } from "../stop-order.js";
import type { StopMessage, ThreadJob, ThreadMessage } from "./thread-job.js";

/** How much nicer a thread is than the node's own, which holds leases and votes. */
const NICER = 10;
const NICEST = 19;

// Linux alone keeps a priority for each thread; elsewhere this would slow the whole node down.
if (process.platform === "linux") setPriority(Math.min(NICEST, getPriority() + NICER));

let types: Promise<ReadonlyMap<string, TaskType>> | undefined;

/** Runs one attempt. Rejects where the user's module does not load. */
export default async function runJob(job: ThreadJob): Promise<AttemptResult> {
  const { assignment, userModule, maxResultBytes, port } = job;
  const order = new StopOrder(() => {
    // A handler that never yields keeps the event from coming: look for it.
    const told = receiveMessageOnPort(port) as { readonly message: StopMessage } | undefined;
    if (told !== undefined) stop(told.message);
  });
  const stop = ({ reason }: StopMessage): void => order.give(reason);
  port.on("message", stop);
  const say = (message: ThreadMessage): void => {
    port.postMessage(message);
  };
  say({ kind: "started" });
  types ??= loadTypes(userModule);
  const taskType = (await types).get(assignment.type);
  if (taskType === undefined) {
    throw new Error(`no handler for ${assignment.type}: the module did not load as in the node`);
  }
  return runHandler({
    handler: taskType.handler,
    assignment,
    order,
    listener: {
      progress: (percent) => say({ kind: "progress", percent }),
      line: (line) => say({ kind: "line", line }),
    },
    maxResultBytes,
    nowMs: Date.now,
  });
}

async function loadTypes(userModule: string | undefined): Promise<ReadonlyMap<string, TaskType>> {
  const own = userModule === undefined ? [] : await loadUserTypes(userModule);
  return new Map([...BUILTIN_TYPES, ...own]);
}
