// The calls of clients that have taken effect, as every node holds them in memory: one that comes again
// is recognised until its expiry, whoever leads by then (dissertation §6.3). What is forgotten has
// expired, and what has expired takes no effect: forgetting changes nothing.
import type { OperateCommand } from "../../gen/mesh/v1/command.js";
import type { Operation } from "../../gen/mesh/v1/operation.js";
import type { OperationRecord } from "../../gen/mesh/v1/snapshot.js";

/** Operations known at a time; the leader takes no more, so that none is forgotten before its expiry. */
export const MAX_OPERATIONS = 200_000;
/** What they and their answers may take in memory. */
export const MAX_OPERATION_BYTES = 64 * 1024 * 1024;
/** How far ahead an expiry may be: longer than an idempotency key of a client holds. */
export const MAX_OPERATION_LIFETIME_MS = 15 * 60_000;

const RECORD_OVERHEAD_BYTES = 200;
/** Records are forgotten together that expire within so much of one another. */
const BUCKET_MS = 10_000;

const NOTHING = Buffer.alloc(0);

export type KnownOperation = Readonly<OperationRecord>;

export class OperationTable {
  readonly #byId = new Map<string, KnownOperation>();
  /** Ids by when they are to be forgotten; those whose expiry was put off are in a later one, too. */
  readonly #byExpiry = new Map<number, string[]>();
  #sizeBytes = 0;
  #forgottenThrough = 0;

  get size(): number {
    return this.#byId.size;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** What is known of the operation, by its id. */
  get(id: string): KnownOperation | undefined {
    return this.#byId.get(id);
  }

  /** Whether the operation takes effect in an entry of this time. */
  admits({ id, expiresAtMs }: Operation, atMs: number): boolean {
    const known = this.#byId.get(id);
    return expiresAtMs > atMs && (known === undefined || known.untilMs <= atMs);
  }

  /**
   * The operation is in the entry at `index`. One that is known stays known until the later expiry.
   *
   * @returns whether it takes effect
   */
  begin({ operation, command, note }: OperateCommand, index: number, atMs: number): boolean {
    if (operation === undefined) return false;
    this.#forget(atMs);
    const { id, expiresAtMs, fingerprint } = operation;
    if (this.admits(operation, atMs)) {
      const refused = command === undefined;
      this.#put({ id, untilMs: expiresAtMs, fingerprint, index, answer: NOTHING, note, refused });
      return true;
    }
    const known = this.#byId.get(id);
    if (known !== undefined && known.untilMs > atMs && known.untilMs < expiresAtMs) {
      this.#put({ ...known, untilMs: expiresAtMs });
    }
    return false;
  }

  /** What an operation that took effect is answered with. */
  answered(id: string, answer: Uint8Array): void {
    const known = this.#byId.get(id);
    if (known !== undefined) this.#put({ ...known, answer: Buffer.from(answer) });
  }

  /** All there is, for a snapshot. */
  toSnapshot(): readonly KnownOperation[] {
    return [...this.#byId.values()];
  }

  /** Puts the content of a snapshot in the place of everything. */
  restore(records: readonly KnownOperation[]): void {
    this.#byId.clear();
    this.#byExpiry.clear();
    this.#sizeBytes = 0;
    this.#forgottenThrough = 0;
    for (const record of records) this.#put(record);
  }

  #put(record: KnownOperation): void {
    const before = this.#byId.get(record.id);
    this.#byId.set(record.id, record);
    this.#sizeBytes += weightBytes(record) - (before === undefined ? 0 : weightBytes(before));
    if (before?.untilMs === record.untilMs) return;
    const bucket = bucketOf(record.untilMs);
    const ids = this.#byExpiry.get(bucket);
    if (ids === undefined) this.#byExpiry.set(bucket, [record.id]);
    else ids.push(record.id);
  }

  #forget(atMs: number): void {
    // Of the bucket of now some have not expired yet.
    const through = bucketOf(atMs) - 1;
    if (through <= this.#forgottenThrough) return;
    this.#forgottenThrough = through;
    for (const [bucket, ids] of this.#byExpiry) {
      if (bucket > through) continue;
      this.#byExpiry.delete(bucket);
      for (const id of ids) {
        const known = this.#byId.get(id);
        if (known === undefined || bucketOf(known.untilMs) > through) continue;
        this.#byId.delete(id);
        this.#sizeBytes -= weightBytes(known);
      }
    }
  }
}

function bucketOf(untilMs: number): number {
  return Math.floor(untilMs / BUCKET_MS);
}

function weightBytes({ id, fingerprint, answer, note }: KnownOperation): number {
  return RECORD_OVERHEAD_BYTES + id.length + fingerprint.length + answer.length + note.length;
}
