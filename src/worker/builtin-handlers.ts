// The task types that every node knows: enough to try the mesh, to load it and to see it retry.
import { setImmediate as nextTurn, setTimeout as delay } from "node:timers/promises";

import { NonRetryableError, type TaskHandler, type TaskType } from "./handler.js";

/** Longest `ms` that sleep and cpu take: a day. */
const MAX_MS = 86_400_000;
/** Most failures that `fail` can be asked for: the bound of a task's attempts. */
const MAX_TIMES = 1_000;
/** How long cpu burns before its thread hears that it is to stop. */
const CPU_SLICE_MS = 4;

/** `process`: answers `{output}`; a string is taken as it is, anything else as its JSON text. */
const processHandler: TaskHandler = (task) => {
  const text = typeof task.data === "string" ? task.data : JSON.stringify(task.data);
  return { output: `Processed: ${text}` };
};

/** `sleep` `{ms}`: ends after that time, or at once when its signal is aborted. */
const sleepHandler: TaskHandler = async (task, context) => {
  const ms = numberField(task.data, "ms", MAX_MS);
  await delay(ms, undefined, { signal: context.signal });
  return { sleptMs: ms };
};

/** `fail` `{times}`: its first `times` attempts fail, the next succeeds. */
const failHandler: TaskHandler = (task, context) => {
  const times = numberField(task.data, "times", MAX_TIMES);
  if (context.attempt <= times) {
    throw new Error(`attempt ${context.attempt} fails, as asked for ${times} time(s)`);
  }
  return { attempts: context.attempt };
};

/** `cpu` `{ms}`: keeps the processor busy for that long, in slices between which it hears that it is to stop. */
const cpuHandler: TaskHandler = async (task, context) => {
  const ms = numberField(task.data, "ms", MAX_MS);
  let burnedMs = 0;
  let rounds = 0;
  while (burnedMs < ms) {
    context.signal.throwIfAborted();
    const slice = burn(Math.min(CPU_SLICE_MS, ms - burnedMs));
    burnedMs += slice.tookMs;
    rounds += slice.rounds;
    context.progress((burnedMs / ms) * 100);
    await nextTurn();
  }
  return { burnedMs: Math.round(burnedMs), rounds };
};

/** The types that a node has without any module of the user's. */
export const BUILTIN_TYPES: ReadonlyMap<string, TaskType> = new Map([
  ["process", { handler: processHandler, thread: false }],
  ["sleep", { handler: sleepHandler, thread: false }],
  ["fail", { handler: failHandler, thread: false }],
  ["cpu", { handler: cpuHandler, thread: true }],
]);

function burn(sliceMs: number): { readonly tookMs: number; readonly rounds: number } {
  const startedMs = performance.now();
  let rounds = 0;
  let tookMs: number;
  do {
    for (let step = 0; step < 10_000; step += 1) Math.sqrt(step * rounds);
    rounds += 1;
    tookMs = performance.now() - startedMs;
  } while (tookMs < sliceMs);
  return { tookMs, rounds };
}

/** Reads a number from 0 to `max`; throws a NonRetryableError that names the field. */
function numberField(data: unknown, field: string, max: number): number {
  if (typeof data !== "object" || data === null || !(field in data)) {
    throw new NonRetryableError(`data.${field} is missing: give {"${field}": number}`);
  }
  const value: unknown = Reflect.get(data, field);
  if (typeof value !== "number" || !Number.isFinite(value) || value < 0 || value > max) {
    throw new NonRetryableError(`data.${field} must be a number from 0 to ${max}`);
  }
  return value;
}
