// One timer for the next moment at which a queue that its rate holds up may start a task.
import { waitUntilMs } from "../log-time/wait-until.js";

export class QueueAlarm {
  readonly #ring: () => void;
  #timer: NodeJS.Timeout | undefined;
  #setForMs = Infinity;

  /** @param ring called when the time has come, or earlier: whoever hears it looks at the clock */
  constructor(ring: () => void) {
    this.#ring = ring;
  }

  /** @param atMs milliseconds since the epoch; Infinity for never */
  set(atMs: number, nowMs: number): void {
    if (atMs === this.#setForMs) return;
    this.stop();
    if (atMs === Infinity) return;
    this.#setForMs = atMs;
    this.#timer = setTimeout(
      () => {
        this.#setForMs = Infinity;
        this.#ring();
      },
      waitUntilMs(atMs, nowMs),
    );
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#setForMs = Infinity;
  }
}
