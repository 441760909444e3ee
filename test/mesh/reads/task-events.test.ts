// Many watches on one node: they share what they are told, and leave the event loop to others.
import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { TaskStatus } from "../../../src/gen/mesh/v1/task.js";
import {
  WatchTasksRequest,
  type WatchTasksResponse,
} from "../../../src/gen/mesh/v1/task_service.js";
import { TaskEvents } from "../../../src/mesh/reads/task-events.js";
import {
  isBefore,
  type EventPosition,
  type EventRecord,
} from "../../../src/queue/redis/event-record.js";

const CHANGES_PER_RECORD = 100;
const EVERYTHING = { ...WatchTasksRequest.decode(new Uint8Array()), fromIndex: 1, batched: true };

function record(index: number): EventRecord {
  const changes = Array.from({ length: CHANGES_PER_RECORD }, (_, position) => ({
    ...{ index, position, id: `t${index}.${position}`, status: TaskStatus.PENDING, attempt: 0 },
    ...{ workerId: "", queue: "default", type: "process", atMs: 1, changes: [] },
  }));
  const next = { index: index + 1, position: 0 };
  return { index, position: 0, previousIndex: index - 1, changes, next };
}

/** A node whose stream has so many records: in memory from the `inMemoryFrom`th on. */
function nodeWith(records: number, inMemoryFrom: number) {
  const all = Array.from({ length: records }, (_, at) => record(at + 1));
  const after = (from: EventPosition) => all.filter(({ next }) => isBefore(from, next));
  const pageSizes: number[] = [];
  const events = new TaskEvents({
    tail: {
      open: () => () => undefined,
      from: (from) => (from.index < inMemoryFrom ? undefined : after(from)),
      changed: (_timeoutMs, signal) =>
        new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true })),
    },
    reader: {
      read: (from, maxRecords) => {
        const page = after(from).slice(0, maxRecords);
        pageSizes.push(page.length);
        return Promise.resolve(page);
      },
      oldestIndex: () => Promise.resolve(1),
    },
    appliedIndex: () => records,
    readIndex: () => Promise.resolve(records),
  });
  return { events, pageSizes, records: all };
}

/** What a watch is told until it has been told of `records`. */
async function told(
  events: TaskEvents,
  records: number,
  onBatch: (batch: WatchTasksResponse) => void = () => undefined,
): Promise<readonly WatchTasksResponse[]> {
  const stop = new AbortController();
  const batches: WatchTasksResponse[] = [];
  for await (const batch of events.watch(EVERYTHING, stop.signal)) {
    if (batch.changes.length === 0) continue;
    onBatch(batch);
    batches.push(batch);
    if (batches.length === records) stop.abort();
  }
  return batches;
}

describe("watches of tasks", () => {
  test("share the messages of the records that are in memory", async () => {
    const { events, records } = nodeWith(5, 1);
    const [one, other] = await Promise.all([told(events, 5), told(events, 5)]);
    expect(one.map(({ changes }) => changes)).toEqual(records.map(({ changes }) => changes));
    // What is read first comes from Redis.
    const shared = one.filter((batch, at) => batch === other[at]);
    expect(shared.length).toBeGreaterThan(0);
  });

  test("are told a bounded number of changes in each turn of the event loop, all together", async () => {
    const { events } = nodeWith(60, 1);
    let inThisTurn = 0;
    let most = 0;
    let watching = 50;
    const watches = Array.from({ length: watching }, () =>
      told(events, 60, ({ changes }) => (inThisTurn += changes.length)).then(() => (watching -= 1)),
    );
    while (watching > 0) {
      most = Math.max(most, inThisTurn);
      inThisTurn = 0;
      await nextTurn();
    }
    await Promise.all(watches);
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(2_000 + CHANGES_PER_RECORD);
  });

  test("read on in small pages where they are behind what is in memory", async () => {
    const { events, pageSizes, records } = nodeWith(40, 1_000);
    const batches = await told(events, 40);
    expect(batches.flatMap(({ changes }) => changes)).toEqual(
      records.flatMap(({ changes }) => changes),
    );
    expect(Math.max(...pageSizes)).toBe(2);
  });
});
