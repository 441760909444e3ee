// The processes without a log that ask the leader to join, and what each is answered: admitted, or
// after a while what it waits for. Two processes under one name are never both admitted.
import { QueueError } from "../../queue/errors.js";

/** How long a request waits for its admission before it is answered with what is missing. */
const PATIENCE_MS = 2_000;
/** For so long no other process is admitted under the same name: the first is just starting. */
const ADMITTED_HOLDS_MS = 10_000;
/** Requests that wait; more are refused. */
const MAX_JOINS = 256;

export interface Joining {
  readonly id: string;
  readonly address: string;
  /** Tells two processes under one name apart. */
  readonly process: string;
}

interface Waiting extends Joining {
  answer(reason: string | undefined): void;
}

export class JoinRequests {
  readonly #waiting = new Map<string, Waiting>();
  readonly #admitted = new Map<string, { readonly process: string; readonly atMs: number }>();

  /**
   * Resolves with undefined once admitted, else with what is waited for.
   * @throws QueueError "overloaded"
   */
  ask(request: Joining, obstacle: () => string): Promise<string | undefined> {
    const rival = this.#rivalOf(request);
    if (rival) return Promise.resolve(`another process asks to join as ${request.id}`);
    if (this.#waiting.size >= MAX_JOINS && !this.#waiting.has(request.id)) {
      throw new QueueError("overloaded", "too many nodes ask to join", {
        retryAfterMs: PATIENCE_MS,
      });
    }
    // The same process asks again: it did not get the first answer.
    this.#waiting.get(request.id)?.answer("the same process asked again");
    return new Promise((resolve) => {
      const timer = setTimeout(() => waiting.answer(obstacle()), PATIENCE_MS);
      const waiting: Waiting = {
        ...request,
        answer: (reason) => {
          clearTimeout(timer);
          if (this.#waiting.get(request.id) === waiting) this.#waiting.delete(request.id);
          resolve(reason);
        },
      };
      this.#waiting.set(request.id, waiting);
    });
  }

  /** Whether a request of this node waits for its admission. */
  has(id: string): boolean {
    return this.#waiting.has(id);
  }

  /** The nodes that wait to be admitted. */
  all(): readonly Joining[] {
    return [...this.#waiting.values()];
  }

  /** Its admission is committed. */
  admitted(id: string): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#admitted.set(id, { process: waiting.process, atMs: performance.now() });
    waiting.answer(undefined);
  }

  /** Refuses everyone who waits: the node is stopping. */
  close(): void {
    for (const waiting of [...this.#waiting.values()]) waiting.answer("the node is stopping");
  }

  #rivalOf({ id, process }: Joining): boolean {
    const nowMs = performance.now();
    for (const [known, { atMs }] of this.#admitted) {
      if (nowMs - atMs > ADMITTED_HOLDS_MS) this.#admitted.delete(known);
    }
    const rival = this.#waiting.get(id) ?? this.#admitted.get(id);
    return rival !== undefined && rival.process !== process;
  }
}
