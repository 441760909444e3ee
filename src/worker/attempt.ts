// One run of a handler: started once, settled once, whatever the handler does in between or after.
import type { AttemptListener } from "./attempt-context.js";
import type { AbortReason } from "./handler.js";
import { startTimeout } from "./long-timeout.js";
import { type AttemptResult, timeoutFailure } from "./outcome.js";
import { StopOrder } from "./stop-order.js";

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
  /** Runs the handler, in whichever thread; never rejects. */
  readonly run: (order: StopOrder, listener: AttemptListener) => Promise<AttemptResult>;
  readonly listener: AttemptListener;
  readonly nowMs: () => number;
  /** Called once, unless the attempt was aborted before. */
  readonly onSettled: (result: AttemptResult) => void;
}

export class Attempt {
  readonly assignment: TaskAssignment;
  readonly startedAtMs: number;
  readonly #options: AttemptOptions;
  readonly #order = new StopOrder();
  #stopTimeout: (() => void) | undefined;
  /** Once true nothing of the handler's is heard any more. */
  #over = false;

  constructor(options: AttemptOptions) {
    this.#options = options;
    this.assignment = options.assignment;
    this.startedAtMs = options.nowMs();
  }

  /** Runs the handler; where that is in this thread, its synchronous part runs before this returns. */
  start(): void {
    const { timeoutMs } = this.assignment;
    if (timeoutMs > 0) {
      this.#stopTimeout = startTimeout(timeoutMs, () => {
        this.#settle({ kind: "failure", failure: timeoutFailure(timeoutMs) });
        this.#order.give("timed-out");
      });
    }
    void this.#run();
  }

  /** Tells the handler to stop; `onSettled` will not be called. */
  abort(reason: AbortReason): void {
    if (!this.#end()) return;
    this.#order.give(reason);
  }

  async #run(): Promise<void> {
    const { run, listener } = this.#options;
    // What another thread said before it heard that it is to stop may still arrive.
    const heard: AttemptListener = {
      progress: (percent) => {
        if (!this.#over) listener.progress(percent);
      },
      line: (line) => {
        if (!this.#over) listener.line(line);
      },
    };
    this.#settle(await run(this.#order, heard));
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
