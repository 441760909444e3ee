// What the leader still takes: past these bounds a call is refused, so that nothing grows without end.
import { QueueError } from "../errors.js";
import type { CountedLog } from "./counted-log.js";
import type { EntryProposer } from "./entry-proposer.js";
import type { Foresight } from "./foresight.js";
import {
  MAX_OPERATION_BYTES,
  MAX_OPERATIONS,
  type OperationTable,
} from "../state/operation-table.js";

/** Submitted tasks that wait for an entry; past it a submission is refused. */
const MAX_WAITING_SUBMISSIONS = 50_000;
/** Operations of clients that wait for the log or for Redis; past it one is refused. */
const MAX_OPERATIONS_UNDER_WAY = 20_000;
const RETRY_AFTER_MS = 1_000;

export interface AdmissionParts {
  readonly log: Pick<CountedLog, "unappliedBytes">;
  readonly proposer: Pick<EntryProposer, "backlog" | "waitingOperations">;
  readonly foresight: Pick<Foresight, "operationsUnderWay">;
  /** The calls that are remembered until their expiry. */
  readonly operations: Pick<OperationTable, "size" | "sizeBytes">;
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

  /** An operation of a client. @throws QueueError "overloaded" */
  admitOperation(): void {
    const { proposer, foresight, operations } = this.#parts;
    const underWay = proposer.waitingOperations + foresight.operationsUnderWay;
    if (underWay >= MAX_OPERATIONS_UNDER_WAY) {
      throw overloaded(`${underWay} changes that clients ask for are under way`);
    }
    // None is forgotten before its expiry: it might be sent again.
    if (operations.size + underWay >= MAX_OPERATIONS) {
      throw overloaded(`${operations.size} changes are remembered until their expiry`);
    }
    if (operations.sizeBytes >= MAX_OPERATION_BYTES) {
      throw overloaded(
        `${operations.sizeBytes} bytes of changes are remembered until their expiry`,
      );
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
