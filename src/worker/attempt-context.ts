// What a handler is given beside its task: the one place where what it says is held to its bounds,
// whichever thread it runs in.
import type { HandlerContext, TaskLog } from "./handler.js";
import {
  LineAllowance,
  LINES_PER_SECOND,
  type LogLevel,
  type LogLine,
  logLine,
} from "./log-line.js";
import type { StopOrder } from "./stop-order.js";

/** Shortest time between two reported values of progress, so that a handler cannot flood the node. */
export const PROGRESS_INTERVAL_MS = 200;

/** Who hears what a running handler says. */
export interface AttemptListener {
  /** 0 to 100; at most every 200 ms, and once more at the end. */
  progress(percent: number): void;
  line(line: LogLine): void;
}

export interface AttemptContextOptions {
  readonly fence: number;
  readonly attempt: number;
  /** Looked at anew at each use, so that a handler that never yields sees that it was told to stop. */
  readonly order: StopOrder;
  readonly listener: AttemptListener;
  /** Wall clock, milliseconds since the epoch. */
  readonly nowMs: () => number;
}

/** The context of one attempt. Once it is closed, or its signal aborted, nothing more is heard. */
export class AttemptContext {
  readonly context: HandlerContext;
  readonly #options: AttemptContextOptions;
  readonly #allowance = new LineAllowance();
  #over = false;
  #progressAtMs = Number.NEGATIVE_INFINITY;
  /** The newest value, where it came too soon after the one before. */
  #heldBackPercent: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: AttemptContextOptions) {
    this.#options = options;
    this.context = {
      get signal() {
        return options.order.signal;
      },
      fence: options.fence,
      attempt: options.attempt,
      log: this.#log(),
      progress: (percent) => {
        this.#progress(percent);
      },
    };
  }

  /** The handler has ended: what was held back is said now. */
  close(): void {
    clearTimeout(this.#timer);
    if (!this.#isOver()) {
      this.#sayProgress();
      this.#sayHeldBack();
    }
    this.#over = true;
  }

  #isOver(): boolean {
    return this.#over || this.#options.order.isGiven;
  }

  #log(): TaskLog {
    const at =
      (level: LogLevel) =>
      (message: string, fields?: Readonly<Record<string, unknown>>): void =>
        this.#line(level, message, fields);
    return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
  }

  #line(level: LogLevel, message: string, fields: unknown): void {
    if (this.#isOver()) return;
    const nowMs = this.#options.nowMs();
    if (!this.#allowance.take(nowMs)) return;
    this.#sayHeldBack();
    this.#options.listener.line(logLine(nowMs, level, message, fields));
  }

  #sayHeldBack(): void {
    const count = this.#allowance.takeHeldBack();
    if (count === 0) return;
    const text = `${count} lines left out: a task may write ${LINES_PER_SECOND} a second`;
    this.#options.listener.line(logLine(this.#options.nowMs(), "warn", text, undefined));
  }

  #progress(percent: number): void {
    if (typeof percent !== "number" || Number.isNaN(percent) || this.#isOver()) return;
    this.#heldBackPercent = Math.min(100, Math.max(0, percent));
    const waitMs = this.#progressAtMs + PROGRESS_INTERVAL_MS - this.#options.nowMs();
    if (waitMs <= 0) {
      this.#sayProgress();
    } else {
      this.#timer ??= setTimeout(() => {
        if (!this.#isOver()) this.#sayProgress();
      }, waitMs);
    }
  }

  #sayProgress(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#heldBackPercent === undefined) return;
    this.#options.listener.progress(this.#heldBackPercent);
    this.#heldBackPercent = undefined;
    this.#progressAtMs = this.#options.nowMs();
  }
}
