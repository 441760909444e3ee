// Linearizable reads on their way: first to a read index (§6.4), then until it is applied.
import type { LogIndex, ReadReady } from "./core/index.js";
import { NoLeader } from "./errors.js";

interface Read {
  readonly resolve: (index: LogIndex) => void;
  readonly reject: (error: Error) => void;
  readonly giveUpAtMs: number;
}

export class PendingReads {
  readonly #asked = new Map<number, Read>();
  /** Have their index and wait until it is applied. */
  #indexed: { readonly index: LogIndex; readonly read: Read }[] = [];
  #nextId = 1;

  /**
   * @param ask hands the read's number to the core
   * @param giveUpAtMs monotonic time at which the read is rejected with NoLeader
   */
  add(ask: (requestId: number) => void, giveUpAtMs: number): Promise<LogIndex> {
    const requestId = this.#nextId;
    this.#nextId += 1;
    return new Promise((resolve, reject) => {
      this.#asked.set(requestId, { resolve, reject, giveUpAtMs });
      ask(requestId);
    });
  }

  answered(reads: readonly ReadReady[], applied: LogIndex): void {
    for (const { requestId, readIndex } of reads) {
      const read = this.#asked.get(requestId);
      if (read === undefined) continue;
      this.#asked.delete(requestId);
      if (readIndex === undefined) read.reject(new NoLeader("no leader confirmed the read"));
      else if (readIndex <= applied) read.resolve(readIndex);
      else this.#indexed.push({ index: readIndex, read });
    }
  }

  applied(applied: LogIndex): void {
    if (this.#indexed.length === 0) return;
    const waiting = this.#indexed;
    this.#indexed = waiting.filter(({ index }) => index > applied);
    for (const { index, read } of waiting) if (index <= applied) read.resolve(index);
  }

  /** Gives up what has waited too long. */
  expire(nowMs: number): void {
    const error = new NoLeader("no leader confirmed the read in time");
    for (const [requestId, read] of this.#asked) {
      if (read.giveUpAtMs > nowMs) break;
      this.#asked.delete(requestId);
      read.reject(error);
    }
    if (!this.#indexed.some(({ read }) => read.giveUpAtMs <= nowMs)) return;
    const waiting = this.#indexed;
    this.#indexed = waiting.filter(({ read }) => read.giveUpAtMs > nowMs);
    for (const { read } of waiting) if (read.giveUpAtMs <= nowMs) read.reject(error);
  }

  rejectAll(error: Error): void {
    for (const read of this.#asked.values()) read.reject(error);
    for (const { read } of this.#indexed) read.reject(error);
    this.#asked.clear();
    this.#indexed = [];
  }
}
