// What the leader still takes: past these bounds a call is refused, so that nothing grows without end.
import { QueueError } from "../errors.js";
import type { CountedLog } from "./counted-log.js";
import type { EntryProposer } from "./entry-proposer.js";
import type { Foresight } from "./foresight.js";

/** Submitted tasks that wait for an entry; past it a submission is refused. */
const MAX_WAITING_SUBMISSIONS = 50_000;
/** Cancellations and retries that wait for the log or for Redis; past it one is refused. */
const MAX_CHANGES_UNDER_WAY = 20_000;
const RETRY_AFTER_MS = 1_000;

export interface AdmissionParts {
  readonly log: Pick<CountedLog, "unappliedBytes">;
  readonly proposer: Pick<EntryProposer, "backlog" | "waitingRetries">;
  readonly foresight: Pick<Foresight, "cancellations">;
  /** Committed work that may wait for Redis. */
  readonly maxUnappliedBytes: number;
}

export class Admission {
  readonly #parts: AdmissionParts;

  constructor(parts: AdmissionParts) {
    this.#parts = parts;
  }

  /** @throws QueueError "overloaded" */
  admitSubmission(): void {
    const waiting = this.#parts.proposer.backlog;
    if (waiting >= MAX_WAITING_SUBMISSIONS) {
      throw overloaded(`${waiting} submissions wait for the log`);
    }
    this.#refuseUnapplied();
  }

  /** A cancellation or a retry. @throws QueueError "overloaded" */
  admitChange(): void {
    const { proposer, foresight } = this.#parts;
    const underWay = proposer.waitingRetries + foresight.cancellations;
    if (underWay >= MAX_CHANGES_UNDER_WAY) {
      throw overloaded(`${underWay} cancellations and retries are under way`);
    }
    this.#refuseUnapplied();
  }

  #refuseUnapplied(): void {
    const { log, maxUnappliedBytes } = this.#parts;
    if (log.unappliedBytes < maxUnappliedBytes) return;
    throw overloaded(`${log.unappliedBytes} bytes of committed work wait for Redis`);
  }
}

function overloaded(reason: string): QueueError {
  return new QueueError("overloaded", reason, { retryAfterMs: RETRY_AFTER_MS });
}
