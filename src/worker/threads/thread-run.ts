// One attempt in a thread, as the node sees it: hears what the handler says, tells it to stop, and
// ends its thread where it does not.
import { MessageChannel, receiveMessageOnPort } from "node:worker_threads";
import type { Piscina } from "piscina";
import type { AttemptListener } from "../attempt-context.js";
import type { AbortReason } from "../handler.js";
import { startTimeout } from "../long-timeout.js";
import type { AttemptResult } from "../outcome.js";
import type { StopOrder } from "../stop-order.js";
import type { StopMessage, ThreadJob, ThreadMessage } from "./thread-job.js";

export interface ThreadRunOptions {
  readonly work: Omit<ThreadJob, "port">;
  readonly order: StopOrder;
  readonly listener: AttemptListener;
  /** How long a handler that was told to stop may take before its thread is ended. */
  readonly abortGraceMs: number;
}

export class ThreadRun {
  readonly #options: ThreadRunOptions;
  readonly #channel = new MessageChannel();
  /** Ends the thread, or gives it up where there is none yet. */
  readonly #end = new AbortController();
  #stopTimer: (() => void) | undefined;
  #started = false;
  #closed = false;
  #threadError: Error | undefined;

  constructor(options: ThreadRunOptions) {
    this.#options = options;
    this.#channel.port1.on("message", (message: ThreadMessage) => this.#hear(message));
    options.order.onGiven((reason) => this.#tellToStop(reason));
  }

  /** Resolves with the outcome; rejects with what ended the thread. */
  async in(pool: Piscina): Promise<AttemptResult> {
    const { port2: port } = this.#channel;
    const job: ThreadJob = { ...this.#options.work, port };
    try {
      const options = { transferList: [port], signal: this.#end.signal };
      return (await pool.run(job, options)) as AttemptResult;
    } catch (error) {
      throw this.#threadError ?? error;
    } finally {
      this.#close();
    }
  }

  /** A thread has failed that ran nothing: the one that this waits for may be that. */
  threadFailed(error: Error): void {
    if (this.#started) return;
    this.#threadError = error;
    this.#end.abort();
  }

  #tellToStop(reason: AbortReason): void {
    if (this.#closed) return;
    this.#channel.port1.postMessage({ reason } satisfies StopMessage);
    this.#stopTimer = startTimeout(this.#options.abortGraceMs, () => this.#end.abort());
  }

  #hear(message: ThreadMessage): void {
    switch (message.kind) {
      case "started":
        this.#started = true;
        break;
      case "progress":
        this.#options.listener.progress(message.percent);
        break;
      case "line":
        this.#options.listener.line(message.line);
        break;
    }
  }

  #close(): void {
    this.#closed = true;
    this.#stopTimer?.();
    // What the handler said last is here already: it was sent before the outcome.
    const { port1 } = this.#channel;
    for (let last = receive(); last !== undefined; last = receive()) this.#hear(last.message);
    port1.close();

    function receive(): { readonly message: ThreadMessage } | undefined {
      return receiveMessageOnPort(port1);
    }
  }
}
