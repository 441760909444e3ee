// The threads of a node for handlers that keep the processor busy: started when first needed, ended
// when idle, and replaced where a handler does not stop when it is told to.
import type { Piscina } from "piscina";
import type { TaskFailure } from "../../gen/mesh/v1/worker_service.js";
import type { TaskAssignment } from "../attempt.js";
import type { AttemptListener } from "../attempt-context.js";
import type { HandlerPlace } from "../handler-place.js";
import { type AttemptResult, failure, failureOf } from "../outcome.js";
import type { StopOrder } from "../stop-order.js";
import { ThreadRun } from "./thread-run.js";

/** What a thread runs: compiled, as threads load no TypeScript. */
const THREAD_FILE = new URL("../../../dist/worker/threads/thread.js", import.meta.url);
const IDLE_MS = 30_000;

export interface ThreadPoolOptions {
  /** Handlers in threads at a time. */
  readonly maxThreads: number;
  /** How long a handler that was told to stop may take before its thread is ended. */
  readonly abortGraceMs: number;
  /** Bound of the heap of each thread; `--max-old-space-size` of the process wins over it. */
  readonly heapMb: number;
  /** The user's module, which each thread loads for itself. */
  readonly userModule: string | undefined;
}

/** Invariant: runs.size <= maxThreads, so that no attempt waits within the pool. */
export class ThreadPool implements HandlerPlace {
  readonly #options: ThreadPoolOptions;
  #pool: Promise<Piscina> | undefined;
  readonly #runs = new Set<ThreadRun>();
  readonly #onFree = new Set<() => void>();
  readonly refusal = undefined;

  constructor(options: ThreadPoolOptions) {
    this.#options = options;
  }

  /** Whether another attempt may start. */
  get hasFree(): boolean {
    return this.#runs.size < this.#options.maxThreads;
  }

  /** Calls `listener` whenever a thread has become free. */
  onChange(listener: () => void): void {
    this.#onFree.add(listener);
  }

  /**
   * Runs an attempt; never rejects. Its thread stays taken until the handler has ended, or was ended
   * for not stopping.
   */
  async run(
    assignment: TaskAssignment,
    maxResultBytes: number,
    order: StopOrder,
    listener: AttemptListener,
  ): Promise<AttemptResult> {
    const { userModule, abortGraceMs } = this.#options;
    const work = { assignment, maxResultBytes, userModule };
    const run = new ThreadRun({ work, order, listener, abortGraceMs });
    this.#runs.add(run);
    try {
      return await run.in(await (this.#pool ??= this.#open()));
    } catch (error) {
      return { kind: "failure", failure: failureOfThread(error) };
    } finally {
      this.#runs.delete(run);
      for (const free of this.#onFree) free();
    }
  }

  /** Waits for handlers, which must all have been told to stop, and ends the threads. */
  async close(): Promise<void> {
    while (this.#runs.size > 0) {
      await new Promise<void>((resolve) => {
        this.#onFree.add(resolve);
      });
    }
    await (await this.#pool)?.destroy();
  }

  /** Loads the package only now: a node without such tasks never pays for it. */
  async #open(): Promise<Piscina> {
    const { Piscina } = await import("piscina");
    const pool = new Piscina({
      filename: THREAD_FILE.href,
      minThreads: 0,
      maxThreads: this.#options.maxThreads,
      idleTimeout: IDLE_MS,
      // A thread that blocks while it waits for work would hold up what an earlier handler left.
      atomics: "disabled",
      recordTiming: false,
      resourceLimits: { maxOldGenerationSizeMb: this.#options.heapMb },
    });
    pool.on("error", (error: Error) => {
      for (const run of this.#runs) run.threadFailed(error);
    });
    return pool;
  }
}

/** Whatever ended a thread ended one attempt, which may be tried again. */
function failureOfThread(error: unknown): TaskFailure {
  if (!(error instanceof Error)) return failureOf(error);
  if (Reflect.get(error, "code") === "ERR_WORKER_OUT_OF_MEMORY") {
    return failure("ThreadEnded", "the handler's thread ran out of memory: see nodes.heapMb", true);
  }
  if (error.message.startsWith("worker exited")) {
    return failure("ThreadEnded", `the handler ended its thread: ${error.message}`, true);
  }
  return failureOf(error);
}
