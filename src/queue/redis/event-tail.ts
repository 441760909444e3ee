// Follows the end of the stream of events on a connection of its own, for as long as somebody reads:
// however many watch, Redis is asked once.
import type { RedisConnection } from "../../redis/connection.js";
import { followsOn, isBefore, type EventPosition, type EventRecord } from "./event-record.js";
import { toRecord } from "./event-reader.js";
import type { RedisKeys } from "./keys.js";

/** Longest wait of one read; well within the bound of a command. */
const MAX_BLOCK_MS = 1_000;
/** Records of one read. */
const RECORDS_PER_READ = 256;
/** Changes that are kept for readers; who is further behind reads from Redis. */
const MAX_KEPT_CHANGES = 16_384;
/** Wait before a Redis that failed while it was connected is read again. */
const RETRY_AFTER_MS = 200;
/** How long the connection is kept when the last reader has left. */
const LINGER_MS = 1_000;

export interface EventTailOptions {
  /** Opens a connection for blocking reads; the tail closes it. */
  readonly connect: () => RedisConnection;
  readonly commandTimeoutMs: number;
  readonly keys: RedisKeys;
}

/** The last records of the stream, while there are readers. */
export class EventTail {
  readonly #options: EventTailOptions;
  readonly #listeners = new Set<() => void>();
  #kept: EventRecord[] = [];
  #keptChanges = 0;
  /** Everything from here on comes through the tail; undefined until Redis has answered. */
  #next: EventPosition | undefined;
  #readers = 0;
  #connection: RedisConnection | undefined;
  #linger: NodeJS.Timeout | undefined;

  constructor(options: EventTailOptions) {
    this.#options = options;
  }

  /** Counts a reader in; the tail is followed until each has called what this returns. */
  open(): () => void {
    this.#readers += 1;
    clearTimeout(this.#linger);
    if (this.#connection === undefined) {
      this.#connection = this.#options.connect();
      void this.#follow(this.#connection);
    }
    let open = true;
    return () => {
      if (!open) return;
      open = false;
      this.#readers -= 1;
      if (this.#readers === 0) this.#linger = setTimeout(() => this.close(), LINGER_MS).unref();
    };
  }

  /** Records from `from` on; undefined where the tail does not reach back to it. */
  from(from: EventPosition): readonly EventRecord[] | undefined {
    if (this.#next === undefined) return undefined;
    const [first] = this.#kept;
    if (first === undefined) return isBefore(from, this.#next) ? undefined : [];
    if (!followsOn(first, from)) return undefined;
    return this.#kept.slice(firstAfter(this.#kept, from));
  }

  /** Resolves at the next record, after `timeoutMs`, or when `signal` is aborted. */
  changed(timeoutMs: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#listeners.delete(done);
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, timeoutMs);
      this.#listeners.add(done);
      signal.addEventListener("abort", done, { once: true });
    });
  }

  /** Ends the reading of the stream at once. */
  close(): void {
    clearTimeout(this.#linger);
    this.#connection?.close();
    this.#connection = undefined;
    this.#kept = [];
    this.#keptChanges = 0;
    this.#next = undefined;
  }

  async #follow(connection: RedisConnection): Promise<void> {
    const blockMs = Math.min(MAX_BLOCK_MS, Math.ceil(this.#options.commandTimeoutMs / 2));
    /** Id of the last record that was read. */
    let lastId: string | undefined;
    while (this.#connection === connection) {
      try {
        lastId ??= await this.#begin(connection);
        lastId = await this.#readOn(connection, lastId, blockMs);
      } catch {
        // Away, or starting: what was added meanwhile is read from where this left off.
        await pause(connection, RETRY_AFTER_MS);
      }
    }
  }

  /** Everything after the last record there is will come through the tail. */
  async #begin(connection: RedisConnection): Promise<string> {
    const { keys } = this.#options;
    const [row] = await connection.client.xrevrangeBuffer(keys.events, "+", "-", "COUNT", 1);
    if (this.#connection !== connection) return "0-0";
    const last = row === undefined ? undefined : toRecord(row);
    this.#next = last?.next ?? { index: 1, position: 0 };
    this.#tell();
    return last === undefined ? "0-0" : `${last.index}-${last.position}`;
  }

  async #readOn(connection: RedisConnection, lastId: string, blockMs: number): Promise<string> {
    const { keys } = this.#options;
    const reply = await connection.client.xreadBuffer(
      ...(["COUNT", RECORDS_PER_READ, "BLOCK", blockMs, "STREAMS", keys.events, lastId] as const),
    );
    const [stream] = (reply ?? []) as [Buffer, [Buffer, Buffer[]][]][];
    if (stream === undefined || this.#connection !== connection) return lastId;
    const records = stream[1].map(toRecord);
    for (const record of records) this.#keep(record);
    this.#tell();
    const last = records.at(-1);
    return last === undefined ? lastId : `${last.index}-${last.position}`;
  }

  #keep(record: EventRecord): void {
    if (this.#next !== undefined && !followsOn(record, this.#next)) {
      // Redis let go of what lay between: who has not read it yet learns so from Redis.
      this.#kept = [];
      this.#keptChanges = 0;
    }
    this.#kept.push(record);
    this.#keptChanges += record.changes.length;
    this.#next = record.next;
    while (this.#keptChanges > MAX_KEPT_CHANGES && this.#kept.length > 1) {
      this.#keptChanges -= this.#kept.shift()?.changes.length ?? 0;
    }
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

/** Position in `records` of the first that reaches past `from`. */
function firstAfter(records: readonly EventRecord[], from: EventPosition): number {
  let low = 0;
  let high = records.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const record = records[middle];
    if (record !== undefined && isBefore(from, record.next)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Until the connection changes, or the time is up. */
async function pause(connection: RedisConnection, timeoutMs: number): Promise<void> {
  await new Promise<void>((resolve) => {
    const stop = connection.onChange(({ connected }) => {
      if (connected) done();
    });
    const done = (): void => {
      clearTimeout(timer);
      stop();
      resolve();
    };
    const timer = setTimeout(done, timeoutMs);
  });
}
