// What runs in a thread: one attempt at a time, with the same handlers as the node has.
import { getPriority, setPriority } from "node:os";
import { receiveMessageOnPort } from "node:worker_threads";
import { AttemptAborted } from "../handler.js";
import { createHandlerRegistry, type HandlerRegistry } from "../handler-registry.js";
import type { AttemptResult } from "../outcome.js";
import { runHandler } from "../run-handler.js";
import { loadUserTypes } from "../user-module.js";
import type { StopMessage, ThreadJob, ThreadMessage } from "./thread-job.js";

/** How much nicer a thread is than the node's own, which holds leases and votes. */
const NICER = 10;
const NICEST = 19;

// Linux alone keeps a priority for each thread; elsewhere this would slow the whole node down.
if (process.platform === "linux") setPriority(Math.min(NICEST, getPriority() + NICER));

let registry: Promise<HandlerRegistry> | undefined;

/** Runs one attempt. Rejects where the user's module does not load. */
export default async function runJob(job: ThreadJob): Promise<AttemptResult> {
  const { assignment, userModule, maxResultBytes, port } = job;
  const controller = new AbortController();
  const stop = ({ reason }: StopMessage): void => {
    controller.abort(new AttemptAborted(reason));
  };
  port.on("message", stop);
  const say = (message: ThreadMessage): void => {
    port.postMessage(message);
  };
  say({ kind: "started" });
  registry ??= loadTypes(userModule);
  const taskType = (await registry).get(assignment.type);
  if (taskType === undefined) {
    throw new Error(`no handler for ${assignment.type}: the module did not load as in the node`);
  }
  return runHandler({
    handler: taskType.handler,
    assignment,
    signal: () => {
      // A handler that never yields keeps the event from coming: look for it.
      const told = receiveMessageOnPort(port) as { readonly message: StopMessage } | undefined;
      if (told !== undefined) stop(told.message);
      return controller.signal;
    },
    listener: {
      progress: (percent) => say({ kind: "progress", percent }),
      line: (line) => say({ kind: "line", line }),
    },
    maxResultBytes,
    nowMs: Date.now,
  });
}

async function loadTypes(userModule: string | undefined): Promise<HandlerRegistry> {
  return createHandlerRegistry(
    userModule === undefined ? undefined : await loadUserTypes(userModule),
  );
}
