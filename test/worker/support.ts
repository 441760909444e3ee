// A bench for the executor: handlers given inline, reports collected.
import type { TaskReport } from "../../src/gen/mesh/v1/worker_service.js";
import type { TaskAssignment } from "../../src/worker/attempt.js";
import { Executor } from "../../src/worker/executor.js";
import type { ExecutorOptions } from "../../src/worker/executor-options.js";
import type { TaskHandler, TaskLog } from "../../src/worker/handler.js";
import { NOWHERE } from "../../src/worker/handler-place.js";
import { createHandlerRegistry, type HandlerRegistry } from "../../src/worker/handler-registry.js";
import { ThreadPool, type ThreadPoolOptions } from "../../src/worker/threads/thread-pool.js";

const nothing = (): void => undefined;
export const silentLog: TaskLog = { debug: nothing, info: nothing, warn: nothing, error: nothing };

/** Types that run in the node's own thread. */
export function registryOf(handlers: Readonly<Record<string, TaskHandler>>): HandlerRegistry {
  return createHandlerRegistry(
    new Map(Object.entries(handlers).map(([type, handler]) => [type, { place: "node", handler }])),
  );
}

/** Types of a user's module, each where it asks to run. */
export function registryOfUser(
  types: Iterable<readonly [string, { readonly thread: boolean }]>,
): HandlerRegistry {
  return createHandlerRegistry(
    new Map([...types].map(([type, { thread }]) => [type, { place: thread ? "thread" : "host" }])),
  );
}

/** Threads, of which none is started before it is needed. */
export function threadPool(options: Partial<ThreadPoolOptions> = {}): ThreadPool {
  return new ThreadPool({
    maxThreads: 2,
    abortGraceMs: 60_000,
    heapMb: 256,
    userModule: undefined,
    ...options,
  });
}

export interface Bench {
  readonly executor: Executor;
  readonly reports: TaskReport[];
}

export function benchWith(
  handlers: Readonly<Record<string, TaskHandler>>,
  options: Partial<ExecutorOptions> = {},
): Bench {
  const reports: TaskReport[] = [];
  const executor = new Executor({
    slots: 2,
    handlers: registryOf(handlers),
    places: { thread: threadPool(), host: NOWHERE },
    report: (report) => reports.push(report),
    ...options,
  });
  return { executor, reports };
}

export function assignmentOf(
  type: string,
  overrides: Partial<TaskAssignment> = {},
): TaskAssignment {
  return {
    taskId: "t1",
    fence: 7,
    type,
    dataJson: "null",
    attempt: 1,
    timeoutMs: 0,
    queue: "default",
    priority: 5,
    ...overrides,
  };
}

/** A promise and the function that settles it. */
export function deferred<T>(): { readonly promise: Promise<T>; resolve(value: T): void } {
  let settle: (value: T) => void = nothing;
  const promise = new Promise<T>((resolve) => {
    settle = resolve;
  });
  return { promise, resolve: (value) => settle(value) };
}

/** Lets the event loop turn, so that whatever would still happen has happened. */
export async function turns(count = 3): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) {
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}
