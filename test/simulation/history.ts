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
  readonly invokedAt: number;
}

/** The operations of all clients. One history per key, since registers are independent. */
export class History {
  readonly #byKey = new Map<number, Operation[]>();
  #order = 0;
  #completed = 0;
  #unknown = 0;

  get completed(): number {
    return this.#completed;
  }

  get unknown(): number {
    return this.#unknown;
  }

  invoke(kind: "read" | "write", key: number): PendingOperation {
    this.#order += 1;
    return { kind, key, invokedAt: this.#order };
  }

  /** It surely happened, between its invocation and now. */
  succeed(pending: PendingOperation, value: number): void {
    this.#order += 1;
    this.#completed += 1;
    this.#add({ ...pending, value, returnedAt: this.#order });
  }

  /** Nobody knows whether it happened. A read without an answer says nothing and is left out. */
  giveUp(pending: PendingOperation, value: number): void {
    this.#unknown += 1;
    if (pending.kind === "write") this.#add({ ...pending, value, returnedAt: Infinity });
  }

  /** Histories by key, in the order in which the keys were first used. */
  histories(): IterableIterator<[number, readonly Operation[]]> {
    return this.#byKey.entries();
  }

  #add(operation: Operation): void {
    const operations = this.#byKey.get(operation.key);
    if (operations === undefined) this.#byKey.set(operation.key, [operation]);
    else operations.push(operation);
  }
}
