// Which task types are taken: those that a live node handles. A new leader does not know at once which
// there are, nor does one that nodes have just left, for another leader perhaps: it waits a moment for
// them to attach before it refuses one.
import { noLongerLeading } from "../errors.js";
import type { WorkerDirectory } from "./worker-directory.js";

/** By then every live node has attached to its leader, and a type that none handles is unknown. */
const KNOWN_AFTER_MS = 1_500;

/** Types that a refusal names. */
const MAX_NAMED_TYPES = 20;

export interface KnownTypesParts {
  readonly workers: Pick<WorkerDirectory, "handles" | "types">;
  /** Whether tasks of a type that no node handles are taken, too. */
  readonly acceptUnknown: boolean;
  /** Milliseconds of a clock that never jumps. */
  readonly monotonicMs: () => number;
}

export class KnownTypes {
  readonly #parts: KnownTypesParts;
  /** Who waits for more workers to attach. */
  readonly #waiting = new Set<() => void>();
  /** Since when no node has left. */
  #steadySinceMs: number;
  #closed = false;

  constructor(parts: KnownTypesParts) {
    this.#parts = parts;
    this.#steadySinceMs = parts.monotonicMs();
  }

  takes(type: string): boolean {
    return this.#parts.acceptUnknown || this.#parts.workers.handles(type);
  }

  /** What is wrong with a type that is not taken, and what there is. */
  whyNot(type: string): string {
    const types = this.#parts.workers.types();
    const known = types.slice(0, MAX_NAMED_TYPES).join(", ");
    const more = types.length > MAX_NAMED_TYPES ? ", …" : "";
    const there = types.length === 0 ? "no node is there" : `there are ${known}${more}`;
    return `no live node handles type ${JSON.stringify(type)}: ${there}`;
  }

  /** A worker has attached. */
  attached(): void {
    this.#wake();
  }

  /** A worker has gone: to come back, to follow another leader, or for good. */
  detached(): void {
    this.#steadySinceMs = this.#parts.monotonicMs();
  }

  /** This leader's term is over: what is known to the next one is not known here. */
  close(): void {
    this.#closed = true;
    this.#wake();
  }

  /**
   * Resolves once every one of these types is taken, or surely unknown.
   * @throws QueueError "not_leader"
   */
  async settled(items: readonly { readonly type: string }[]): Promise<void> {
    const { monotonicMs } = this.#parts;
    while (!items.every(({ type }) => this.takes(type))) {
      if (this.#closed) throw noLongerLeading();
      const leftMs = this.#steadySinceMs + KNOWN_AFTER_MS - monotonicMs();
      if (leftMs <= 0) return;
      await this.#nextAttach(leftMs);
    }
  }

  #wake(): void {
    for (const done of this.#waiting) done();
  }

  #nextAttach(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, timeoutMs);
      this.#waiting.add(done);
    });
  }
}
