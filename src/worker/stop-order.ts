// The order to an attempt to stop, and the AbortSignal that shows it to a handler. The signal is made
// where somebody asks for it alone: it costs more than all else that starting an attempt does.
import { type AbortReason, AttemptAborted } from "./handler.js";

export class StopOrder {
  readonly #look: (() => void) | undefined;
  #reason: AbortReason | undefined;
  #controller: AbortController | undefined;
  #listener: ((reason: AbortReason) => void) | undefined;

  /**
   * @param look called before each look at the order: it gives an order that has arrived, where a handler
   *   that never yields keeps it from being read
   */
  constructor(look?: () => void) {
    this.#look = look;
  }

  /** Whether the attempt is to stop. */
  get isGiven(): boolean {
    if (this.#reason === undefined) this.#look?.();
    return this.#reason !== undefined;
  }

  /** Its reason is an `AttemptAborted`. */
  get signal(): AbortSignal {
    if (this.#reason === undefined) this.#look?.();
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(new AttemptAborted(this.#reason));
    }
    return this.#controller.signal;
  }

  /** The attempt is to stop; only the first order counts. */
  give(reason: AbortReason): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#listener?.(reason);
    this.#controller?.abort(new AttemptAborted(reason));
  }

  /** Calls `listener`, of which there is one, when the order is given. */
  onGiven(listener: (reason: AbortReason) => void): void {
    this.#listener = listener;
    if (this.#reason !== undefined) listener(this.#reason);
  }
}
