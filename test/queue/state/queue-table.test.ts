// What is set for queues: the same on every node, bounded, and whole after a snapshot.
import { describe, expect, test } from "vitest";
import type { CommandBatch, ConfigureQueueCommand } from "../../../src/gen/mesh/v1/command.js";
import { QueueRecord } from "../../../src/gen/mesh/v1/queue.js";
import {
  MAX_CONFIGURED_QUEUES,
  NO_LIMITS,
  QueueTable,
} from "../../../src/queue/state/queue-table.js";
import { NOW_MS, runningTask } from "../../support/queue-fixtures.js";

const change = (name: string, rest: Partial<ConfigureQueueCommand>): ConfigureQueueCommand => ({
  name,
  paused: undefined,
  limits: undefined,
  ...rest,
});
const entry = (...kinds: CommandBatch["commands"][number]["kind"][]): CommandBatch => ({
  atMs: NOW_MS,
  commands: kinds.map((kind) => ({ kind })),
});
const starts = (queue: string, count: number) =>
  entry({
    $case: "assign",
    value: {
      nodeId: "n1",
      assignments: Array.from(
        { length: count },
        (_, at) => runningTask(`t${at}`, 1, { queue }).assignment,
      ),
    },
  });
const RATE = { count: 10, perMs: 1_000, burst: 1 };

describe("the table of queues", () => {
  test("changes what a command names and leaves the rest", () => {
    const table = new QueueTable();
    const limits = { concurrency: 3, rate: RATE, weight: 2 };

    table.configure(change("mail", { limits }), NOW_MS);
    table.configure(change("mail", { paused: true }), NOW_MS);

    expect(table.get("mail")).toEqual({ name: "mail", paused: true, limits });
    expect(table.isPaused("mail")).toBe(true);
    expect(table.isPaused("other")).toBe(false);
  });

  test("keeps nothing of a queue that is as any other", () => {
    const table = new QueueTable();
    table.configure(change("mail", { paused: true, limits: { ...NO_LIMITS, rate: RATE } }), NOW_MS);
    table.configure(change("mail", { limits: NO_LIMITS }), NOW_MS);
    expect(table.size).toBe(1);

    table.configure(change("mail", { paused: false }), NOW_MS);

    expect(table.size).toBe(0);
    expect(table.nextStartMs("mail")).toBe(0);
  });

  test("counts starts against the rate of their queue alone", () => {
    const table = new QueueTable();
    table.apply(
      entry({
        $case: "configureQueue",
        value: change("mail", { limits: { ...NO_LIMITS, rate: RATE } }),
      }),
    );

    table.apply(starts("mail", 3));
    table.apply(starts("other", 5));

    expect(table.nextStartMs("mail")).toBe(NOW_MS + 300);
    expect(table.nextStartMs("other")).toBe(0);
  });

  test("goes on from a snapshot exactly where it was", () => {
    const table = new QueueTable();
    const limits = { concurrency: 0, rate: { count: 3, perMs: 100, burst: 1 }, weight: 7 };
    table.configure(change("mail", { limits }), NOW_MS);
    table.configure(change("held", { paused: true }), NOW_MS);
    table.apply(starts("mail", 2));
    const bytes = table.toSnapshot().map((record) => QueueRecord.encode(record).finish());

    const restored = new QueueTable();
    restored.configure(change("gone", { paused: true }), NOW_MS);
    restored.restore(bytes.map((record) => QueueRecord.decode(record)));
    for (const one of [table, restored]) one.apply(starts("mail", 2));

    expect(restored.toSnapshot()).toEqual(table.toSnapshot());
    expect(restored.nextStartMs("mail")).toBe(NOW_MS + Math.ceil(400 / 3));
    expect(restored.get("gone")).toBeUndefined();
  });

  test("takes no more queues than its bound, and still changes those that it has", () => {
    const table = new QueueTable();
    for (let at = 0; at <= MAX_CONFIGURED_QUEUES; at += 1) {
      table.configure(change(`q${at}`, { paused: true }), NOW_MS);
    }
    expect(table.size).toBe(MAX_CONFIGURED_QUEUES);
    expect(table.isPaused(`q${MAX_CONFIGURED_QUEUES}`)).toBe(false);

    table.configure(change("q0", { paused: false }), NOW_MS);
    table.configure(change("new", { paused: true }), NOW_MS);

    expect(table.isPaused("new")).toBe(true);
  });
});
