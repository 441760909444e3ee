// The messages that tell the changes of tasks in batches. However many watch, that of a whole record is
// made once.
import { WatchTasksResponse } from "../gen/mesh/v1/task_service.js";
import type { EventPosition, EventRecord, TaskChange } from "../queue/redis/event-record.js";

const NO_CHANGE = WatchTasksResponse.decode(new Uint8Array());

export class EventMessages {
  readonly #ofRecords = new WeakMap<EventRecord, WatchTasksResponse>();

  /** Of `changes` of the record. */
  batch(record: EventRecord, changes: TaskChange[]): WatchTasksResponse {
    if (changes.length < record.changes.length) return batchOf(record.next, changes);
    const made = this.#ofRecords.get(record) ?? batchOf(record.next, changes);
    this.#ofRecords.set(record, made);
    return made;
  }

  /** No change: tells where the watch stands. */
  progress(next: EventPosition): WatchTasksResponse {
    return batchOf(next, []);
  }
}

function batchOf(next: EventPosition, changes: TaskChange[]): WatchTasksResponse {
  return { ...NO_CHANGE, ...next, changes };
}
