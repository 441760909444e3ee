// Reads the stream of events on for one watch that is behind what the node keeps in memory: in pages
// of some number of changes, so that a thousand such watches take little memory.
import {
  type EventReader,
  MAX_RECORDS_PER_READ,
  MIN_RECORDS_PER_READ,
} from "../../queue/redis/event-reader.js";
import type { EventPosition, EventRecord } from "../../queue/redis/event-record.js";

const CHANGES_PER_PAGE = 256;

export class EventPages {
  readonly #reader: Pick<EventReader, "read">;
  #records = MIN_RECORDS_PER_READ;

  constructor(reader: Pick<EventReader, "read">) {
    this.#reader = reader;
  }

  /**
   * The records from a place on, as `EventReader.read`.
   * @throws EventsGone, RedisUnavailable
   */
  async from(place: EventPosition): Promise<readonly EventRecord[]> {
    const page = await this.#reader.read(place, this.#records);
    const changes = page.reduce((sum, record) => sum + record.changes.length, 0);
    // Records hold from one change to a hundred: the next ones are taken to be as large as these.
    const fitting = Math.floor((CHANGES_PER_PAGE * page.length) / Math.max(1, changes));
    this.#records = Math.min(MAX_RECORDS_PER_READ, Math.max(MIN_RECORDS_PER_READ, fitting));
    return page;
  }
}
