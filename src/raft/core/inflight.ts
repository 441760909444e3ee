// Append messages on their way to one follower, bounded in number and bytes (§10.2.2).
import { invariant } from "./errors.js";
import type { LogIndex } from "./types.js";

interface InflightMessage {
  /** Of the last entry in it; ascending through the window. */
  readonly lastIndex: LogIndex;
  readonly bytes: number;
}

export class InflightWindow {
  readonly #messages: InflightMessage[] = [];
  readonly #maxMessages: number;
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxMessages: number, maxBytes: number) {
    this.#maxMessages = maxMessages;
    this.#maxBytes = maxBytes;
  }

  get messages(): number {
    return this.#messages.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** One message may pass the limit in bytes, else an entry larger than it could never be sent. */
  isFull(): boolean {
    return this.#messages.length >= this.#maxMessages || this.#bytes >= this.#maxBytes;
  }

  add(lastIndex: LogIndex, bytes: number): void {
    invariant(!this.isFull(), "a message was added to a full window");
    invariant((this.#messages.at(-1)?.lastIndex ?? 0) < lastIndex, "window is not ascending");
    this.#messages.push({ lastIndex, bytes });
    this.#bytes += bytes;
  }

  /** Frees every message whose entries are all at `index` or before. */
  freeUpTo(index: LogIndex): void {
    let freed = 0;
    for (const message of this.#messages) {
      if (message.lastIndex > index) break;
      freed += 1;
      this.#bytes -= message.bytes;
    }
    if (freed > 0) this.#messages.splice(0, freed);
  }

  clear(): void {
    this.#messages.length = 0;
    this.#bytes = 0;
  }
}
