// What clients saw: when each operation on a register was asked for, when it was answered, and with
// what. Times are places in the one total order of the run, so that no two are equal.

export interface Operation {
  readonly kind: "read" | "write";
  readonly key: number;
  /** Written, or read; `NEVER_WRITTEN` where a read found nothing. */
  readonly value: number;
  readonly invokedAt: number;
  /** Infinity where the outcome is unknown: it may take effect at any later time, or never. */
  readonly returnedAt: number;
}

/** Value of a register before its first write. */
export const NEVER_WRITTEN = 0;

/** An operation that has been asked for and not yet answered. */
export interface PendingOperation {
  readonly kind: "read" | "write";
  readonly key: number;
  /** What it writes. */
  readonly value: number;
  readonly invokedAt: number;
}

/** The operations of all clients. One history per key, since registers are independent. */
export class History {
  readonly #byKey = new Map<number, Operation[]>();
  readonly #open = new Set<PendingOperation>();
  #order = 0;
  #completed = 0;
  #unknown = 0;

  get completed(): number {
    return this.#completed;
  }

  get unknown(): number {
    return this.#unknown;
  }

  invokeWrite(key: number, value: number): PendingOperation {
    return this.#invoke("write", key, value);
  }

  invokeRead(key: number): PendingOperation {
    return this.#invoke("read", key, NEVER_WRITTEN);
  }

  /** It surely happened, between its invocation and now; a read found `value`. */
  succeed(pending: PendingOperation, value = pending.value): void {
    this.#open.delete(pending);
    this.#order += 1;
    this.#completed += 1;
    this.#add({ ...pending, value, returnedAt: this.#order });
  }

  /** It surely did not happen, and never will. */
  fail(pending: PendingOperation): void {
    this.#open.delete(pending);
  }

  /** Nobody knows whether it happened. A read without an answer says nothing and is left out. */
  giveUp(pending: PendingOperation): void {
    this.#open.delete(pending);
    this.#unknown += 1;
    if (pending.kind === "write") this.#add({ ...pending, returnedAt: Infinity });
  }

  /** Histories by key, in the order in which the keys were first used. Ends what is still open. */
  end(): readonly (readonly [number, readonly Operation[]])[] {
    for (const pending of [...this.#open]) this.giveUp(pending);
    return [...this.#byKey];
  }

  #invoke(kind: "read" | "write", key: number, value: number): PendingOperation {
    this.#order += 1;
    const pending = { kind, key, value, invokedAt: this.#order };
    this.#open.add(pending);
    return pending;
  }

  #add(operation: Operation): void {
    const operations = this.#byKey.get(operation.key);
    if (operations === undefined) this.#byKey.set(operation.key, [operation]);
    else operations.push(operation);
  }
}
