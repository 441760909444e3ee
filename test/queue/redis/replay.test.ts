// Random logs: Redis agrees with a model of the rules, and the same log gives the same Redis.
import fc from "fast-check";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { OnDependencyFailure, TaskStatus } from "../../../src/gen/mesh/v1/task.js";
import type { ApplyOutcome } from "../../../src/queue/redis/apply-outcome.js";
import { IDEMPOTENCY_WINDOW_MS } from "../../../src/queue/state/definition-rules.js";
import { RedisServer } from "../../support/redis-server.js";
import { AppliedLog } from "./applied-log.js";
import { TaskModel } from "./model.js";
import { cuts, randomLog } from "./random-log.js";

/**
 * How a small set is laid out in memory depends on how large it once was, which differs from cut to
 * cut though the set does not: with one layout for all, equal sets are equal bytes.
 */
const ONE_LAYOUT = ["--zset-max-listpack-entries", "0"];

const servers: RedisServer[] = [];
const clients: Redis[] = [];

beforeAll(async () => {
  for (let i = 0; i < 2; i++) {
    const server = await RedisServer.start({ args: ONE_LAYOUT });
    servers.push(server);
    clients.push(new Redis(server.url));
  }
});
afterAll(async () => {
  for (const client of clients) client.disconnect();
  for (const server of servers) await server.stop();
});

async function freshLog(which: number): Promise<AppliedLog> {
  const client = clients[which];
  if (client === undefined) throw new Error("no such Redis");
  await client.flushall();
  return new AppliedLog(client, "test");
}

/** Every key with the bytes of its value. */
async function dump(which: number): Promise<Map<string, string>> {
  const client = clients[which];
  if (client === undefined) throw new Error("no such Redis");
  const keys = (await client.keys("*")).sort();
  const values = await Promise.all(keys.map((key) => client.dumpBuffer(key)));
  return new Map(keys.map((key, i) => [key, values[i]?.toString("hex") ?? ""]));
}

function tell(outcomes: readonly ApplyOutcome[]): string[] {
  return outcomes
    .flatMap((outcome) => [
      ...outcome.duplicates.map((item) => `duplicate ${item.id} ${item.existingId}`),
      ...outcome.contradictions.map((item) => `contradiction ${item.id}`),
      ...outcome.stale.map((id) => `stale ${id}`),
      ...outcome.cancelled.map((item) => `cancel ${item.id} ${item.status}`),
      ...outcome.retried.map((item) => {
        return `retry ${item.id} ${item.result === "pending" ? "pending" : item.status}`;
      }),
      ...outcome.settling.map((id) => `settling ${id}`),
      ...outcome.promoted.map((item) => `promote ${item.id}`),
    ])
    .sort();
}

describe("a random log", () => {
  const pieces = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 8 });

  it("gives the states and tells the facts that the rules say", async () => {
    await fc.assert(
      fc.asyncProperty(randomLog, pieces, async (log, places) => {
        const model = new TaskModel(IDEMPOTENCY_WINDOW_MS);
        for (const { index, batch } of log) {
          for (const { kind } of batch?.commands ?? []) {
            if (kind !== undefined && batch !== undefined) model.apply(index, batch.atMs, kind);
          }
          model.closeEntry();
        }
        const { applier, reader } = await freshLog(0);
        const told: string[] = [];
        for (const piece of cuts(log, places)) told.push(...tell(await applier.apply(piece)));

        expect(told.sort()).toEqual([...model.told].sort());
        const ids = [...model.tasks.keys()];
        const tasks = await reader.getTasks(ids);
        for (const [i, id] of ids.entries()) {
          const known = model.tasks.get(id);
          if (known === undefined) throw new Error(`no task ${id} in the model`);
          const { losses, lapses, ended, endedAtMs, deadlineAtMs, waitsFor, cancels, ...visible } =
            known;
          expect(tasks[i]).toMatchObject({ id, ...visible });
          expect(tasks[i]?.deadlineAtMs).toBe(deadlineAtMs || undefined);
          const isScheduled = known.status === TaskStatus.SCHEDULED;
          expect(tasks[i]?.waitsFor).toEqual(isScheduled ? waitsFor : []);
          const { CANCEL, RUN } = OnDependencyFailure;
          expect(tasks[i]?.onDependencyFailure).toBe(cancels ? CANCEL : RUN);
          expect(tasks[i]?.history).toHaveLength(Math.min(20, ended));
          expect(Math.min(losses, lapses)).toBeGreaterThanOrEqual(0);
          if (tasks[i]?.status === TaskStatus.DEAD) expect(tasks[i].finishedAtMs).toBe(endedAtMs);
        }
        await expectIndexesToAgree(reader, model);
      }),
      { numRuns: 60 },
    );
  });

  it("gives the same bytes however it is cut into batches", async () => {
    await fc.assert(
      fc.asyncProperty(randomLog, pieces, pieces, async (log, placesA, placesB) => {
        const told: string[][] = [];
        for (const [which, places] of [placesA, placesB].entries()) {
          const { applier } = await freshLog(which);
          const outcomes: ApplyOutcome[] = [];
          for (const piece of cuts(log, places)) outcomes.push(...(await applier.apply(piece)));
          told.push(outcomes.map((outcome) => JSON.stringify(outcome)));
        }
        expect(told[1]).toEqual(told[0]);
        expect(await dump(1)).toEqual(await dump(0));
      }),
      { numRuns: 60 },
    );
  });
});

/** Sets, lanes and counts name the tasks of each status, all of them and no other. */
async function expectIndexesToAgree(reader: AppliedLog["reader"], model: TaskModel): Promise<void> {
  const inModel = (status: TaskStatus) =>
    [...model.tasks].filter(([, task]) => task.status === status).map(([id]) => id);
  for (const status of [
    TaskStatus.SCHEDULED,
    TaskStatus.PENDING,
    TaskStatus.RUNNING,
    TaskStatus.COMPLETED,
    TaskStatus.DEAD,
    TaskStatus.CANCELLED,
  ]) {
    const { tasks } = await reader.list({ status, limit: 100 });
    expect(tasks.map(({ id }) => id).sort()).toEqual(inModel(status).sort());
  }
  const { tasks } = await reader.list({ limit: 100 });
  expect(tasks).toHaveLength(model.tasks.size);
  expect(await reader.counts()).toMatchObject({
    scheduled: inModel(TaskStatus.SCHEDULED).length,
    pending: inModel(TaskStatus.PENDING).length,
    running: inModel(TaskStatus.RUNNING).length,
    completed: inModel(TaskStatus.COMPLETED).length,
    dead: inModel(TaskStatus.DEAD).length,
    cancelled: inModel(TaskStatus.CANCELLED).length,
  });
  const losses = new Map<string, readonly [losses: number, lapses: number]>();
  for (const { queue, priority } of await reader.pendingQueues()) {
    for (const task of await reader.pendingHead({ queue, priority, limit: 100 })) {
      losses.set(task.id, [task.losses, task.lapses]);
    }
  }
  expect([...losses.keys()].sort()).toEqual(inModel(TaskStatus.PENDING).sort());
  for (const [id, counts] of losses) {
    const known = model.tasks.get(id);
    expect(counts).toEqual([known?.losses, known?.lapses]);
  }
  const due = [...model.tasks.values()].filter((task) => {
    return task.status === TaskStatus.SCHEDULED && task.waitsFor.length === 0;
  });
  const earliest = due.length === 0 ? undefined : Math.min(...due.map((task) => task.runAtMs));
  expect(await reader.nextScheduledAtMs()).toBe(earliest);
  await expectSetsToAgree(reader, model);
}

/** What the sets of deadlines, unique keys and settling tasks say follows from the tasks. */
async function expectSetsToAgree(reader: AppliedLog["reader"], model: TaskModel): Promise<void> {
  const live = [...model.tasks].filter(([, { status }]) => {
    return [TaskStatus.SCHEDULED, TaskStatus.PENDING, TaskStatus.RUNNING].includes(status);
  });
  const limited = live.filter(([, { deadlineAtMs }]) => deadlineAtMs > 0).map(([id]) => id);
  const { overdue } = await reader.deadlines(Number.MAX_SAFE_INTEGER, 100);
  expect([...overdue].sort()).toEqual(limited.sort());
  const holders = live.flatMap(([id, { uniqueKey }]) =>
    uniqueKey === "" ? [] : [[uniqueKey, id]],
  );
  const found = await reader.holders(["u1", "u2"]);
  expect([...found].sort()).toEqual(holders.sort());
  expect(await reader.isSettling()).toBe(model.settling.size > 0);
}
