// The messages that tell the changes of tasks in batches. However many watch, that of a whole record is
// made once.
import { oncePerObject } from "../../api/once-per-object.js";
import { WatchTasksResponse } from "../../gen/mesh/v1/task_service.js";
import type { EventPosition, EventRecord, TaskChange } from "../../queue/redis/event-record.js";

const NO_CHANGE = WatchTasksResponse.decode(new Uint8Array());

const wholeRecord = oncePerObject(({ next, changes }: EventRecord) => message(next, [...changes]));

/** Tells `changes` of the record. */
export function batchMessage(record: EventRecord, changes: TaskChange[]): WatchTasksResponse {
  const isWhole = changes.length === record.changes.length;
  return isWhole ? wholeRecord(record) : message(record.next, changes);
}

/** Tells where the watch stands, and no change. */
export function progressMessage(next: EventPosition): WatchTasksResponse {
  return message(next, []);
}

function message(next: EventPosition, changes: TaskChange[]): WatchTasksResponse {
  return { ...NO_CHANGE, ...next, changes };
}
