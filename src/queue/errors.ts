// Every refusal that the queue can answer with. One catalogue: the edges map a code to a status and
// never invent one.

/** Stable codes; clients may rely on them. */
export type QueueErrorCode =
  /** A field is missing, of the wrong type or out of bounds; `field` names it. */
  | "invalid_field"
  /** No live node handles the task's type. */
  | "unknown_type"
  | "not_found"
  /** Links are asked to be impaired where the configuration does not allow it. */
  | "chaos_disabled"
  /** The last node that takes work cannot be taken out of it. */
  | "last_worker"
  /** Only a dead or cancelled task can be retried. */
  | "not_retryable"
  /** Only a task that has not ended can be cancelled. */
  | "already_ended"
  /** There was such a task, and its record has been removed since. */
  | "gone"
  | "invalid_cursor"
  | "too_many_items"
  /** No leader with a quorum was found in time. */
  | "no_leader"
  /** Work under way has reached its bound. */
  | "overloaded"
  /** Redis is needed for this call and does not answer. */
  | "redis_unavailable"
  /** The call was handed over to a node that does not lead (any more). */
  | "not_leader"
  /** The call was meant for another mesh, or for another node: whoever sent it has a wrong address. */
  | "wrong_node"
  /** Changes were asked for that are no longer kept; `oldestIndex` is what can be had. */
  | "events_gone"
  /** A call came after its expiry by the clock of the log: it does nothing. */
  | "expired"
  /** The idempotency key of a call was used for one that asks for something else. */
  | "key_reused"
  /** The answer was lost: the submission may or may not be kept; sent again it stays one task. */
  | "outcome_unknown";

export interface QueueErrorOptions {
  readonly field?: string;
  /** When to try again, in milliseconds. */
  readonly retryAfterMs?: number;
  /** Of "events_gone": the oldest index of the log to watch from. */
  readonly oldestIndex?: number;
  /** Of an expiry that does not fit log time: what that is. */
  readonly logTimeMs?: number;
  readonly cause?: unknown;
}

/** Thrown by every operation of the queue for a refusal that the caller can act on. */
export class QueueError extends Error {
  override readonly name = "QueueError";
  readonly field: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly oldestIndex: number | undefined;
  readonly logTimeMs: number | undefined;

  constructor(
    readonly code: QueueErrorCode,
    message: string,
    options: QueueErrorOptions = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.field = options.field;
    this.retryAfterMs = options.retryAfterMs;
    this.oldestIndex = options.oldestIndex;
    this.logTimeMs = options.logTimeMs;
  }
}

/**
 * @param rule what the field must be or have, to stand behind its name
 * @throws QueueError "invalid_field"
 */
export function requireThat(holds: boolean, field: string, rule: string): void {
  if (!holds) throw new QueueError("invalid_field", `${field} ${rule}`, { field });
}

/** The refusal of a leader whose term is over: the caller has to ask the next leader. */
export function noLongerLeading(): QueueError {
  return new QueueError("not_leader", "this node does not lead any more");
}

/** Of a call whose expiry has passed by the clock of the log, milliseconds since the epoch. */
export function expired(expiresAtMs: number, nowMs: number): QueueError {
  return new QueueError(
    "expired",
    `it came ${nowMs - expiresAtMs} ms after its expiry by log time and does nothing; where it was not ` +
      "that long on its way, set the clock of the sender",
    { logTimeMs: nowMs },
  );
}
