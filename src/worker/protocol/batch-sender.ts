// Gathers what is said within one turn of the event loop into one message, so that what crosses a
// thread's or a process's boundary crosses it together.

/** Where the event loop does not turn for longer, what is said next leaves at once. */
const MAX_WAIT_MS = 20;

export class BatchSender<Message> {
  readonly #send: (batch: readonly Message[]) => void;
  #batch: Message[] = [];
  #sinceMs = 0;
  #scheduled: NodeJS.Immediate | undefined;

  constructor(send: (batch: readonly Message[]) => void) {
    this.#send = send;
  }

  add(message: Message): void {
    this.#batch.push(message);
    if (this.#scheduled === undefined) {
      this.#sinceMs = performance.now();
      this.#scheduled = setImmediate(() => this.flush());
    } else if (performance.now() - this.#sinceMs > MAX_WAIT_MS) {
      this.flush();
    }
  }

  /** Sends what waits now: for last words, and before code that may never yield. */
  flush(): void {
    clearImmediate(this.#scheduled);
    this.#scheduled = undefined;
    if (this.#batch.length === 0) return;
    const batch = this.#batch;
    this.#batch = [];
    this.#send(batch);
  }
}
