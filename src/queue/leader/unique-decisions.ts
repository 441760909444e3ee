// What becomes of submissions that depend on other tasks: whether one with a unique key is a task of
// its own is known once Redis has applied it.
import { QueueError } from "../errors.js";
import type { ApplyOutcome } from "../redis/apply-outcome.js";

/** How long Redis may take to apply what is committed. */
const DECIDE_MS = 2_000;
const RETRY_AFTER_MS = 1_000;

interface Open {
  /** The task that stands for it. */
  existingId: string | undefined;
  index: number;
  settle: (() => void) | undefined;
}

/** One submission, from before it is proposed on. */
export interface Decision {
  /**
   * Resolves once Redis has applied it, with the other task that stands for it where that was told.
   * What Redis tells can be lost on its way.
   *
   * @param index under which it was committed
   * @throws QueueError "outcome_unknown" where Redis does not apply it in time
   */
  at(index: number): Promise<string | undefined>;
  /** It was not committed. */
  drop(): void;
}

export class UniqueDecisions {
  /** Bounded by the submissions under way. */
  readonly #open = new Map<string, Open>();
  #reached = 0;
  #closed = false;

  isOpen(id: string): boolean {
    return this.#open.has(id);
  }

  /** Before it is proposed, so that nothing told of it is missed. */
  expect(id: string): Decision {
    const open: Open = { existingId: undefined, index: Infinity, settle: undefined };
    this.#open.set(id, open);
    const drop = (): void => {
      if (this.#open.get(id) === open) this.#open.delete(id);
    };
    return { drop, at: (index) => this.#decided(open, index).finally(drop) };
  }

  /** Redis tells what entries did. */
  told({ duplicates }: ApplyOutcome): void {
    for (const { id, existingId } of duplicates) {
      const open = this.#open.get(id);
      if (open !== undefined) open.existingId = existingId;
    }
  }

  /** Redis reflects the log up to here, and all of that was told. */
  redisReached(index: number): void {
    this.#reached = index;
    for (const open of this.#open.values()) if (open.index <= index) open.settle?.();
  }

  /** The term is over, and Redis is followed no more: what is not decided stays unknown here. */
  close(): void {
    this.#closed = true;
    for (const open of this.#open.values()) open.settle?.();
  }

  async #decided(open: Open, index: number): Promise<string | undefined> {
    open.index = index;
    if (this.#reached < index && !this.#closed) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, DECIDE_MS);
        open.settle = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    if (open.existingId !== undefined || this.#reached >= index) return open.existingId;
    throw undecided();
  }
}

/** It is in the log, and what it became there cannot be seen. */
export function undecided(): QueueError {
  return new QueueError(
    "outcome_unknown",
    "Redis does not tell whether its uniqueKey was free: send it again",
    { retryAfterMs: RETRY_AFTER_MS },
  );
}
