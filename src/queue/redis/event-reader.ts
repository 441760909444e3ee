// Reads the stream of events in pages, and tells where it is no longer whole.
import type { Redis } from "ioredis";
import type { TaskStatus } from "../../gen/mesh/v1/task.js";
import { parseApplied } from "./applied-value.js";
import {
  decodeEventRecord,
  followsOn,
  isBefore,
  oldestIndex,
  recordIdAt,
  type EventPosition,
  type EventRecord,
} from "./event-record.js";
import type { RedisKeys } from "./keys.js";
import { callRedis } from "./errors.js";

/** Most records of one read. */
export const MAX_RECORDS_PER_READ = 64;
/**
 * Fewest: a place within an entry is read together with the record before it, which shows that nothing
 * is missing.
 */
export const MIN_RECORDS_PER_READ = 2;

/** Thrown where events were asked for that the stream has let go of. */
export class EventsGone extends Error {
  override readonly name = "EventsGone";
  /** Index of the oldest entry from which the stream is whole. */
  readonly oldestIndex: number;

  constructor(askedIndex: number, oldest: number) {
    super(`the changes from entry ${askedIndex} on are gone; they are kept from ${oldest} on`);
    this.oldestIndex = oldest;
  }
}

export class EventReader {
  readonly #redis: Redis;
  readonly #keys: RedisKeys;

  constructor({ redis, keys }: { readonly redis: Redis; readonly keys: RedisKeys }) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /**
   * The records from `from` on, the oldest first, at most `maxRecords`; the first may begin before
   * it. None where nothing was added since.
   * @param maxRecords from MIN_RECORDS_PER_READ to MAX_RECORDS_PER_READ
   * @throws EventsGone where something from `from` on is missing
   * @throws RedisUnavailable
   */
  async read(
    from: EventPosition,
    maxRecords = MAX_RECORDS_PER_READ,
  ): Promise<readonly EventRecord[]> {
    try {
      return await this.#readOnce(from, maxRecords);
    } catch (error) {
      // A Redis that was wiped between the two reads looks like that too: the second look tells.
      if (error instanceof EventsGone) return this.#readOnce(from, maxRecords);
      throw error;
    }
  }

  /**
   * What the entry at `index` made of a task; undefined where it changed nothing of it, or its changes
   * are no longer kept. Looks at the changes of that entry alone.
   * @throws RedisUnavailable
   */
  async statusAt(index: number, id: string): Promise<TaskStatus | undefined> {
    const rows = await callRedis(() =>
      this.#redis.xrangeBuffer(this.#keys.events, index, index, "COUNT", MAX_RECORDS_PER_READ),
    );
    const changes = rows.flatMap((row) => toRecord(row).changes);
    return changes.findLast((change) => change.id === id)?.status;
  }

  /** Index of the last entry that changed a task, as far as Redis has applied the log. */
  async lastIndex(): Promise<number> {
    const value = await callRedis(() => this.#redis.get(this.#keys.applied));
    const { index, lastEvent } = parseApplied(value);
    return lastEvent ?? index;
  }

  /**
   * Index of the oldest entry from which the stream is whole; of the next one to come while it is
   * empty.
   * @throws RedisUnavailable
   */
  async oldestIndex(): Promise<number> {
    const lastIndex = await this.lastIndex();
    const [row] = await callRedis(() =>
      this.#redis.xrangeBuffer(this.#keys.events, "-", "+", "COUNT", 1),
    );
    return row === undefined ? lastIndex + 1 : oldestIndex(toRecord(row));
  }

  async #readOnce(from: EventPosition, maxRecords: number): Promise<readonly EventRecord[]> {
    // Read before the records: what it names must then be among them.
    const lastIndex = await this.lastIndex();
    const rows = await callRedis(() =>
      this.#redis.xrangeBuffer(this.#keys.events, recordIdAt(from), "+", "COUNT", maxRecords),
    );
    const records = rows.map(toRecord);
    const [first] = records;
    if (first === undefined) {
      if (lastIndex >= from.index) throw new EventsGone(from.index, lastIndex + 1);
      return [];
    }
    if (!followsOn(first, from)) throw new EventsGone(from.index, oldestIndex(first));
    return records.filter(({ next }) => isBefore(from, next));
  }
}

/** A row of XRANGE or XREAD. */
export function toRecord([id, fields]: [Buffer, Buffer[]]): EventRecord {
  const [, value] = fields;
  if (value === undefined) throw new Error("a record of the stream of events has no value");
  return decodeEventRecord(id.toString(), value);
}
