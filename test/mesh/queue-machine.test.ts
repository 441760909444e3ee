// What every node makes of the log: the table, the definitions, the newest time, and who is told.
import { describe, expect, test } from "vitest";
import { CommandBatch } from "../../src/gen/mesh/v1/command.js";
import { type AppliedEntry, QueueMachine } from "../../src/mesh/queue-machine.js";
import { type Entry, logIndex, term } from "../../src/raft/index.js";
import { NOW_MS, runningTask, taskDefinition } from "../support/queue-fixtures.js";

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

  test("remembers that a task has ended until it is retried", () => {
    const machine = new QueueMachine();
    machine.apply([
      entry(1, NOW_MS, submit("a")),
      entry(2, NOW_MS, { $case: "cancel", value: { taskIds: ["a"] } }),
    ]);
    expect(machine.definitions.hasEnded("a")).toBe(true);

    machine.apply([entry(3, NOW_MS, { $case: "retry", value: { taskIds: ["a"] } })]);
    expect(machine.definitions.hasEnded("a")).toBe(false);
  });

  test("keeps the decoded entries of late only", () => {
    const machine = new QueueMachine();

    machine.apply(Array.from({ length: 1_100 }, (_, at) => noop(at + 1)));

    expect(machine.recent(1)).toBeUndefined();
    expect(machine.recent(1_100)?.index).toBe(1_100);
  });
});
