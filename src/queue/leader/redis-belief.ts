// Whether the leader believes what Redis holds. A call that Redis refused, and an entry that it finds
// impossible though the log has it, show that it is not what the log made of it: it is restored first.
import type { ApplyOutcome } from "../redis/apply-outcome.js";
import { ForeignQueue, type RedisRefused } from "../redis/errors.js";

/** Wait before the second restore in a row; each further one is waited for twice as long. */
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

export class RedisBelief {
  #doubt: string | undefined;
  /** Contradictions up to here outlasted a restore: the log itself has them. */
  #knownContradiction = 0;
  /** Restores since Redis was last past what had shown that one was due. */
  #restores = 0;
  #doubtedThrough = 0;

  /** Why Redis is to be restored before it is believed; undefined where it is not. */
  get doubt(): string | undefined {
    return this.#doubt;
  }

  /** Wait before it is restored: what comes again and again is not to keep Redis busy with that. */
  get pauseMs(): number {
    if (this.#restores === 0) return 0;
    return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(this.#restores - 1, 10));
  }

  /** A script that was kept from a command left its mark, if it had written: nothing to doubt without. */
  refused(error: RedisRefused, throughIndex: number): void {
    this.#doubtedThrough = Math.max(this.#doubtedThrough, throughIndex);
    if (error instanceof ForeignQueue || error.code === "NOPERM") return;
    this.#doubt = error.message;
  }

  /** True where the outcomes are not to be learned from, as Redis is to be restored first. */
  isContradicted(outcomes: readonly ApplyOutcome[]): boolean {
    const found = outcomes.filter(({ index, contradictions }) => {
      return contradictions.length > 0 && index > this.#knownContradiction;
    });
    const [first] = found;
    if (first === undefined) return false;
    const { id = "", reason = "" } = first.contradictions[0] ?? {};
    this.#doubt = `Redis contradicts entry ${first.index} of the log: task ${id} is ${reason}`;
    this.#knownContradiction = Math.max(...found.map(({ index }) => index));
    this.#doubtedThrough = Math.max(this.#doubtedThrough, this.#knownContradiction);
    return true;
  }

  /** A restore begins; @param throughIndex where the log ends */
  restoring(throughIndex: number): void {
    if (this.#restores === 0) this.#doubtedThrough = Math.max(this.#doubtedThrough, throughIndex);
    this.#restores += 1;
  }

  restored(): void {
    this.#doubt = undefined;
  }

  /** Redis reflects the log up to here. */
  reached(index: number): void {
    if (index >= this.#doubtedThrough) this.#restores = 0;
  }
}
