// Puts what clients ask for into the log, and tells what came of it: a call takes effect once, however
// often it is sent, and not after its expiry (dissertation §6.3).
import type { Command } from "../../gen/mesh/v1/command.js";
import type { Operation } from "../../gen/mesh/v1/operation.js";
import { Problem } from "../../gen/mesh/v1/task_service.js";
import { isPlain } from "../../input/text-rule.js";
import { expired, QueueError, type QueueErrorCode, requireThat } from "../errors.js";
import {
  type KnownOperation,
  MAX_OPERATION_LIFETIME_MS,
  type OperationTable,
} from "../state/operation-table.js";
import type { Admission } from "./admission.js";
import type { EntryProposer } from "./entry-proposer.js";

const MAX_ID_LENGTH = 64;

export interface OperationsParts {
  readonly table: Pick<OperationTable, "get">;
  readonly proposer: Pick<EntryProposer, "operate">;
  readonly admission: Pick<Admission, "admitOperation">;
  /** Milliseconds since the epoch, never behind the log. */
  readonly now: () => number;
}

/** What came of a call, at its first try or this one. */
export interface Operated {
  readonly known: KnownOperation;
  /** It took effect by this try. */
  readonly isFirst: boolean;
}

export class Operations {
  readonly #parts: OperationsParts;

  constructor(parts: OperationsParts) {
    this.#parts = parts;
  }

  /**
   * Resolves once it is committed and applied here.
   *
   * @param note what the answer needs beside what the command does
   * @throws QueueError "expired", "key_reused", "overloaded", "invalid_field", what an earlier try was
   * refused with
   */
  async run(
    operation: Operation | undefined,
    kind: NonNullable<Command["kind"]>,
    note: Uint8Array = Buffer.alloc(0),
  ): Promise<Operated> {
    const operated = await this.#propose(operation, { kind }, note);
    if (operated.known.refused) throw refusalOf(operated.known);
    return operated;
  }

  /**
   * The call is refused by what is so at this moment: a copy of it must not be done later.
   * @throws the error, or what came of an earlier try
   */
  async refuse(operation: Operation | undefined, error: QueueError): Promise<Operated> {
    const { code, message, field = "" } = error;
    const problem = { code, message, field, httpStatus: 0, retryAfterMs: 0, logTimeMs: 0 };
    const note = Problem.encode(problem).finish();
    const operated = await this.#propose(operation, undefined, note);
    if (operated.known.refused) throw refusalOf(operated.known);
    return operated;
  }

  async #propose(
    operation: Operation | undefined,
    command: Command | undefined,
    note: Uint8Array,
  ): Promise<Operated> {
    const { table, proposer, admission, now } = this.#parts;
    const asked = checked(operation, now());
    admission.admitOperation();
    const bytes = Buffer.from(note);
    const index = await proposer.operate({ operation: asked, command, note: bytes });
    const known = table.get(asked.id);
    if (known === undefined) throw expired(asked.expiresAtMs, now());
    if (known.fingerprint !== asked.fingerprint) {
      const message = "this Idempotency-Key was used for a call with another body: use another key";
      throw new QueueError("key_reused", message);
    }
    return { known, isFirst: known.index === index };
  }
}

/** @throws QueueError "invalid_field", "expired" */
function checked(operation: Operation | undefined, nowMs: number): Operation {
  requireThat(operation !== undefined, "operation", "is missing");
  if (operation === undefined) throw new Error("an operation that is missing is refused");
  const { id, expiresAtMs, fingerprint } = operation;
  const isId = id !== "" && id.length <= MAX_ID_LENGTH && isPlain(id);
  requireThat(isId, "operation.id", `must have 1 to ${MAX_ID_LENGTH} plain characters`);
  const isShort = fingerprint.length <= MAX_ID_LENGTH;
  requireThat(isShort, "operation.fingerprint", `must have at most ${MAX_ID_LENGTH} characters`);
  if (expiresAtMs > nowMs + MAX_OPERATION_LIFETIME_MS) {
    const minutes = MAX_OPERATION_LIFETIME_MS / 60_000;
    throw new QueueError(
      "invalid_field",
      `operation.expiresAtMs is more than ${minutes} minutes ahead of log time: set the clock of the sender`,
      { field: "operation.expiresAtMs", logTimeMs: nowMs },
    );
  }
  return { id, expiresAtMs, fingerprint };
}

function refusalOf({ note }: KnownOperation): QueueError {
  const { code, message, field } = Problem.decode(note);
  // Written by a leader of this mesh.
  return new QueueError(code as QueueErrorCode, message, field === "" ? {} : { field });
}
