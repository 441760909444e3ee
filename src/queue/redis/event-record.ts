// The stream of events as the apply script writes it: one record for up to 128 changes of one log
// entry. scripts/events.lua has the same layout; only that script writes it.
import type { WatchTasksResponse } from "../../gen/mesh/v1/task_service.js";
import { parseLaneName } from "./keys.js";
import { asArray, asNumber, asText, readPacked } from "./packed-reader.js";
import { storedStatus } from "./stored-enums.js";

/** Changes of one record; the next record of the same entry goes on from there. */
export const MAX_CHANGES_PER_RECORD = 128;

const NONE: WatchTasksResponse[] = [];

/** A place in the log of changes: before the change at `position` of the entry at `index`. */
export interface EventPosition {
  readonly index: number;
  /** 0 for the first change of the entry. */
  readonly position: number;
}

/** One change of a task: what it is after it, as it is told. Never changed: all that watch share it. */
export type TaskChange = WatchTasksResponse;

export interface EventRecord {
  readonly index: number;
  /** Position of its first change in the entry. */
  readonly position: number;
  /** Index of the last entry before this one that changed a task. */
  readonly previousIndex: number;
  readonly changes: readonly TaskChange[];
  /** Where to go on after it. */
  readonly next: EventPosition;
}

/** Reads a record of the stream. @throws when no script of ours wrote it. */
export function decodeEventRecord(id: string, bytes: Buffer): EventRecord {
  const { index, position } = parseRecordId(id);
  const [previous, at, last, ...runs] = asArray(readPacked(bytes));
  const atMs = asNumber(at);
  const changes: TaskChange[] = [];
  for (let n = 0; n < runs.length; n += 6) {
    const status = storedStatus(asNumber(runs[n]));
    const attempt = asNumber(runs[n + 1]);
    const workerId = asText(runs[n + 2]);
    const { queue } = parseLaneName(asText(runs[n + 3]));
    const type = asText(runs[n + 4]);
    for (const packed of asArray(runs[n + 5])) {
      const place = position + changes.length;
      const shared = { status, attempt, workerId, queue, type, atMs, changes: NONE };
      changes.push({ index, position: place, id: asText(packed), ...shared });
    }
  }
  const next =
    last === true
      ? { index: index + 1, position: 0 }
      : { index, position: position + changes.length };
  return { index, position, previousIndex: asNumber(previous), changes, next };
}

/** Whether one place in the log of changes comes before the other. */
export function isBefore(one: EventPosition, other: EventPosition): boolean {
  return one.index < other.index || (one.index === other.index && one.position < other.position);
}

/** Whether whoever has seen everything before `seen` misses nothing by reading on with `record`. */
export function followsOn(record: EventRecord, seen: EventPosition): boolean {
  return record.position === 0
    ? seen.index > record.previousIndex
    : !isBefore(seen, { index: record.index, position: record.position });
}

/** The earliest place from which the stream is whole if this is its first record. */
export function oldestIndex(record: EventRecord): number {
  return record.position === 0 ? record.previousIndex + 1 : record.index + 1;
}

/** Where to read from so that nothing from `from` on is left out, as an id of the stream. */
export function recordIdAt({ index, position }: EventPosition): string {
  // The record of the change before is read too: that it is there shows that nothing is missing.
  const seen = Math.max(0, position - 1);
  return `${index}-${seen - (seen % MAX_CHANGES_PER_RECORD)}`;
}

function parseRecordId(id: string): EventPosition {
  const dash = id.indexOf("-");
  return { index: Number(id.slice(0, dash)), position: Number(id.slice(dash + 1)) };
}
