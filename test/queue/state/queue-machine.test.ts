// What every node makes of the log: the table, the definitions, the newest time, and who is told.
import { describe, expect, test } from "vitest";
import { CommandBatch } from "../../../src/gen/mesh/v1/command.js";
import {
  type AppliedEntry,
  QueueMachine,
  type TableImage,
} from "../../../src/queue/state/queue-machine.js";
import { VersionTooNew } from "../../../src/queue/state/mesh-version.js";
import {
  encodeFrame,
  SNAPSHOT_FORMAT,
  tableFrames,
  STATE_LAYOUT,
} from "../../../src/queue/state/snapshot-format.js";
import { type Entry, logIndex, type SnapshotMeta, term } from "../../../src/raft/index.js";
import { NOW_MS, runningTask, taskDefinition } from "../../support/queue-fixtures.js";

type Kind = NonNullable<CommandBatch["commands"][number]["kind"]>;

function entry(index: number, atMs: number, ...kinds: Kind[]): Entry {
  const batch = { atMs, commands: kinds.map((kind) => ({ kind })) };
  const data = CommandBatch.encode(batch).finish();
  return { index: logIndex(index), term: term(2), kind: "command", data };
}
const noop = (index: number): Entry => ({
  index: logIndex(index),
  term: term(2),
  kind: "noop",
  data: new Uint8Array(),
});
const submit = (id: string): Kind => ({
  $case: "submit",
  value: { tasks: [taskDefinition(id)] },
});
const assign = (id: string): Kind => ({
  $case: "assign",
  value: { nodeId: "n1", assignments: [runningTask(id, 0).assignment] },
});

describe("the queue's state machine", () => {
  test("tells of every entry once and in order, of those without commands too", () => {
    const machine = new QueueMachine();
    const told: AppliedEntry[] = [];
    const stop = machine.onApplied((applied) => told.push(applied));

    machine.apply([noop(1), entry(2, NOW_MS, submit("a"), assign("a"))]);
    stop();
    machine.apply([noop(3)]);

    expect(told.map(({ index, changes }) => [index, changes.map(({ kind }) => kind)])).toEqual([
      [1, []],
      [2, ["submitted", "assigned"]],
    ]);
    expect(machine.appliedIndex).toBe(3);
    expect(machine.table.get("a")?.fence).toBe(2);
  });

  test("knows the newest time in the log, so that a new leader's clock is not behind it", () => {
    const machine = new QueueMachine();

    machine.apply([entry(1, NOW_MS + 5, submit("a")), entry(2, NOW_MS, submit("b")), noop(3)]);

    expect(machine.lastAtMs).toBe(NOW_MS + 5);
  });

  test("remembers that a task has ended, also where it may run again: Redis alone knows", () => {
    const machine = new QueueMachine();
    machine.apply([
      entry(1, NOW_MS, submit("a")),
      entry(2, NOW_MS, { $case: "cancel", value: { taskIds: ["a"] } }),
    ]);
    expect(machine.definitions.hasEnded("a")).toBe(true);

    machine.apply([
      entry(3, NOW_MS, { $case: "retry", value: { taskIds: ["a"], onlyDead: false } }),
    ]);
    expect(machine.definitions.hasEnded("a")).toBe(true);
  });

  test("keeps the decoded entries of late only", () => {
    const machine = new QueueMachine();

    machine.apply(Array.from({ length: 20_000 }, (_, at) => noop(at + 1)));

    expect(machine.recent(1)).toBeUndefined();
    expect(machine.recent(20_000)?.index).toBe(20_000);
  });

  test("goes on from a snapshot as the one that gave it, whose tables are ahead of its tasks", async () => {
    const entries = [
      entry(1, NOW_MS, submit("a"), submit("b"), submit("c")),
      entry(2, NOW_MS + 1, assign("a")),
      entry(3, NOW_MS + 2, assign("b")),
      entry(4, NOW_MS + 3, { $case: "cancel", value: { taskIds: ["a"] } }),
      entry(5, NOW_MS + 4, assign("c")),
    ];
    const giver = new QueueMachine();
    giver.apply(entries.slice(0, 4));
    const image = giver.tableImage();
    const taker = new QueueMachine();
    const told: [number, number][] = [];
    taker.onRestored(({ index }, tableIndex) => told.push([index, tableIndex]));

    await taker.restore(snapshotMeta(2), snapshotOf(image, 2));
    taker.apply(entries.slice(2));
    giver.apply(entries.slice(4));

    expect(told).toEqual([[2, 4]]);
    expect(taker.table.toSnapshot()).toEqual(giver.table.toSnapshot());
    expect(taker.table.toSnapshot().map(({ fence }) => fence)).toEqual([3, 5]);
    expect([taker.appliedIndex, taker.lastAtMs]).toEqual([5, NOW_MS + 4]);
    expect(taker.table.contradiction).toBeUndefined();
    expect(taker.tableImage().tableIndex).toBe(5);
  });

  test.each<Kind>([
    { $case: "cancel", value: { taskIds: ["a"] } },
    { $case: "overdue", value: { taskIds: ["a"] } },
  ])(
    "learns of the end of a task that the tables of a snapshot know already ($$case)",
    async (end) => {
      const entries = [entry(1, NOW_MS, submit("a")), entry(2, NOW_MS, end)];
      const giver = new QueueMachine();
      giver.apply(entries);
      const taker = new QueueMachine();

      await taker.restore(snapshotMeta(0), snapshotOf(giver.tableImage(), 0));
      taker.apply(entries);

      expect([giver, taker].map(({ definitions }) => definitions.hasEnded("a"))).toEqual([
        true,
        true,
      ]);
    },
  );

  test("refuses a snapshot of another format, or one with a table that it does not know", async () => {
    const image = new QueueMachine().tableImage();
    const machine = new QueueMachine();

    const other = machine.restore(snapshotMeta(2), snapshotOf(image, 2, SNAPSHOT_FORMAT + 1));
    await expect(other).rejects.toThrow(VersionTooNew);
    const frames = [...tableFrames("of-tomorrow", [new Uint8Array([1])])];
    const newer = machine.restore(snapshotMeta(2), snapshotOf({ ...image, frames }, 2));
    await expect(newer).rejects.toThrow("of-tomorrow");
  });

  test("tells of an assignment that contradicts another, lets the first stand, and goes on", () => {
    const contradictions: string[] = [];
    const machine = new QueueMachine(undefined, (text) => contradictions.push(text));

    machine.apply([
      entry(1, NOW_MS, submit("a"), assign("a")),
      entry(2, NOW_MS, assign("a")),
      noop(3),
    ]);

    expect(machine.table.get("a")?.fence).toBe(1);
    expect(contradictions).toHaveLength(1);
    expect(contradictions[0]).toContain("task a was assigned at 2");
    expect(machine.appliedIndex).toBe(3);
  });
});

function snapshotMeta(index: number): SnapshotMeta {
  const membership = { voters: [], outgoing: [], learners: [], learnersNext: [] };
  return { index: logIndex(index), term: term(2), membership, sizeBytes: 0, checksum: 0 };
}

/** In chunks that end anywhere. */
async function* snapshotOf(
  { tableIndex, lastAtMs, frames }: TableImage,
  redisIndex: number,
  format = SNAPSHOT_FORMAT,
): AsyncGenerator<Uint8Array> {
  const stateLayout = STATE_LAYOUT;
  const value = { format, stateLayout, redisIndex, tableIndex, lastAtMs };
  const bytes = Buffer.concat([encodeFrame({ $case: "header", value }), ...frames]);
  for (let at = 0; at < bytes.length; at += 7) {
    await Promise.resolve();
    yield bytes.subarray(at, at + 7);
  }
}
