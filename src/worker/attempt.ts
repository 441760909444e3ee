// One run of a handler: started once, settled once, whatever the handler does in between or after.
import {
  AttemptAborted,
  type AbortReason,
  type HandlerContext,
  type TaskHandler,
  type TaskLog,
} from "./handler.js";
import { startTimeout } from "./long-timeout.js";
import { type AttemptResult, failure, failureOf, resultOf, timeoutFailure } from "./outcome.js";

/** Shortest time between two reported values of progress, so that a handler cannot flood the node. */
export const PROGRESS_INTERVAL_MS = 200;

/** What a node must know to run a task it was given. */
export interface TaskAssignment {
  readonly taskId: string;
  /** Log index of the assignment. */
  readonly fence: number;
  readonly type: string;
  /** JSON text; empty means null. */
  readonly dataJson: string;
  readonly attempt: number;
  /** 0: no bound. */
  readonly timeoutMs: number;
  readonly queue: string;
  readonly priority: number;
}

export interface AttemptOptions {
  readonly assignment: TaskAssignment;
  readonly handler: TaskHandler;
  readonly log: TaskLog;
  readonly maxResultBytes: number;
  readonly nowMs: () => number;
  readonly onProgress: (percent: number) => void;
  /** Called once, unless the attempt was aborted before. */
  readonly onSettled: (result: AttemptResult) => void;
}

export class Attempt {
  readonly assignment: TaskAssignment;
  readonly startedAtMs: number;
  readonly #options: AttemptOptions;
  readonly #controller = new AbortController();
  #stopTimeout: (() => void) | undefined;
  /** Once true nothing of the handler's is heard any more. */
  #over = false;
  #progressAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: AttemptOptions) {
    this.#options = options;
    this.assignment = options.assignment;
    this.startedAtMs = options.nowMs();
  }

  /** Runs the handler; its synchronous part runs before this returns. */
  start(): void {
    const { timeoutMs } = this.assignment;
    if (timeoutMs > 0) {
      this.#stopTimeout = startTimeout(timeoutMs, () => {
        this.#settle({ kind: "failure", failure: timeoutFailure(timeoutMs) });
        this.#controller.abort(new AttemptAborted("timed-out"));
      });
    }
    void this.#run();
  }

  /** Tells the handler to stop; `onSettled` will not be called. */
  abort(reason: AbortReason): void {
    if (!this.#end()) return;
    this.#controller.abort(new AttemptAborted(reason));
  }

  async #run(): Promise<void> {
    const { handler, maxResultBytes } = this.#options;
    const parsed = parseJson(this.assignment.dataJson);
    if (parsed.kind === "failure") {
      this.#settle(parsed);
      return;
    }
    const { taskId, type, queue, priority, attempt } = this.assignment;
    let result: AttemptResult;
    try {
      const task = { id: taskId, type, data: parsed.value, queue, priority, attempt };
      const value = await handler(task, this.#context());
      // Serialising runs the user's toJSON and costs time: not for a result that nobody awaits.
      if (this.#over) return;
      result = resultOf(value, maxResultBytes);
    } catch (error) {
      if (this.#over) return;
      result = { kind: "failure", failure: failureOf(error) };
    }
    this.#settle(result);
  }

  #context(): HandlerContext {
    return {
      signal: this.#controller.signal,
      fence: this.assignment.fence,
      attempt: this.assignment.attempt,
      log: this.#options.log,
      progress: (percent) => {
        this.#progress(percent);
      },
    };
  }

  #progress(percent: number): void {
    if (this.#over || typeof percent !== "number" || Number.isNaN(percent)) return;
    const nowMs = this.#options.nowMs();
    if (nowMs - this.#progressAtMs < PROGRESS_INTERVAL_MS) return;
    this.#progressAtMs = nowMs;
    this.#options.onProgress(Math.min(100, Math.max(0, percent)));
  }

  #settle(result: AttemptResult): void {
    if (this.#end()) this.#options.onSettled(result);
  }

  /** True for the first caller only. */
  #end(): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.#stopTimeout?.();
    return true;
  }
}

function parseJson(
  json: string,
):
  | { readonly kind: "value"; readonly value: unknown }
  | Extract<AttemptResult, { kind: "failure" }> {
  try {
    return { kind: "value", value: json === "" ? null : (JSON.parse(json) as unknown) };
  } catch {
    return {
      kind: "failure",
      failure: failure("BadData", "the task's data is not JSON", false),
    };
  }
}
