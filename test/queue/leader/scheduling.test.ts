// Which task goes where and when: order, spread over the nodes, leases, due times.
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { LeastLoadedPolicy } from "../../../src/queue/balancing/least-loaded.js";
import { Fifo } from "../../../src/queue/pending/fifo.js";
import { PendingSet } from "../../../src/queue/pending/pending-set.js";
import { PromotionClock } from "../../../src/queue/leader/promotion-clock.js";
import { matchTasks } from "../../../src/queue/leader/matching.js";
import { WorkerDirectory } from "../../../src/queue/leader/worker-directory.js";
import { NOW_MS, pendingTask, workerHello } from "../../support/queue-fixtures.js";

const LEASE_MS = 1_000;
const HANDOVER_MS = 500;

function nodes(...concurrencies: number[]): WorkerDirectory {
  const workers = new WorkerDirectory(LEASE_MS, 0, HANDOVER_MS);
  concurrencies.forEach((concurrency, at) => {
    workers.attach(workerHello(`n${at + 1}`, { concurrency }), 0, 0);
    workers.granted(`n${at + 1}`, 0);
  });
  return workers;
}

/** What is assigned at a time of no matter. */
function assign(...[pending, workers, policy, limit]: Shorter) {
  return matchTasks(pending, workers, policy, limit, NOW_MS).assigns;
}
type Shorter = [PendingSet, WorkerDirectory, LeastLoadedPolicy, number];

describe("the scheduler", () => {
  test.each([
    ["equal nodes", [10, 10, 10]],
    ["unequal nodes", [4, 8, 16]],
  ])(
    "spreads light work over %s so that each gets as much, within a fifth",
    (_what, concurrencies) => {
      const workers = nodes(...concurrencies);
      const policy = new LeastLoadedPolicy();
      const pending = new PendingSet();
      const got = new Map<string, number>();
      let index = 0;
      // given a lightly loaded mesh: a few tasks at a time, each ended before the next come
      for (let round = 0; round < 600; round += 1) {
        index += 1;
        const count = 1 + (round % 3);
        for (let position = 0; position < count; position += 1) {
          pending.add(pendingTask(`${round}.${position}`, index, { position }), index);
        }
        for (const { nodeId, assignments } of assign(pending, workers, policy, 1_000)) {
          got.set(nodeId, (got.get(nodeId) ?? 0) + assignments.length);
          assignments.forEach(() => workers.occupied(nodeId, -1));
        }
      }

      const counts = [...got.values()];
      expect(counts).toHaveLength(3);
      const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length;
      for (const count of counts) expect(Math.abs(count - mean) / mean).toBeLessThanOrEqual(0.2);
    },
  );

  test("fills every slot, and none twice, under a full load", () => {
    const workers = nodes(4, 8, 16);
    const pending = new PendingSet();
    for (let at = 1; at <= 100; at += 1) pending.add(pendingTask(`t${at}`, at), at);

    const assigns = assign(pending, workers, new LeastLoadedPolicy(), 1_000);

    const slots = assigns.map(({ nodeId, assignments }) => `${nodeId} ${assignments.length}`);
    expect(slots.sort()).toEqual(["n1 4", "n2 8", "n3 16"]);
    expect(pending.size).toBe(72);
    expect(assign(pending, workers, new LeastLoadedPolicy(), 1_000)).toEqual([]);
  });

  test("gives a task only to a node that has its type and every label", () => {
    const workers = nodes(4);
    workers.attach(workerHello("gpu", { labels: ["gpu", "eu"] }), 0, 0);
    workers.attach(workerHello("mail", { labels: ["gpu", "eu"], types: ["mail"] }), 0, 0);
    for (const id of ["gpu", "mail"]) workers.granted(id, 0);
    const pending = new PendingSet();
    pending.add(pendingTask("a", 1, { requires: ["gpu", "eu"] }), 1);
    pending.add(pendingTask("b", 2, { requires: ["gpu", "us"] }), 2);

    const assigns = assign(pending, workers, new LeastLoadedPolicy(), 10);

    expect(assigns.map(({ nodeId }) => nodeId)).toEqual(["gpu"]);
    expect(pending.get("b")).toBeDefined();
  });

  test("gives nothing to a node that is drained or gone", () => {
    const workers = nodes(4, 4);
    workers.drain("n1");
    workers.detach("n2");
    const pending = new PendingSet();
    pending.add(pendingTask("a", 1), 1);

    expect(assign(pending, workers, new LeastLoadedPolicy(), 10)).toEqual([]);
  });
});

describe("a node's lease, as the leader counts it", () => {
  test("has run out only a good while after the last grant", () => {
    const workers = nodes(4);
    workers.granted("n1", 5_000);

    expect(workers.isLost("n1", 5_000 + LEASE_MS)).toBe(false);
    expect(workers.isLost("n1", 5_000 + LEASE_MS * 1.25 + 1)).toBe(true);
  });

  test("of an earlier leader is waited for, where the node never came in this term", () => {
    const workers = nodes();
    const lastGrantOfTheOldLeader = HANDOVER_MS;

    expect(workers.isLost("unseen", lastGrantOfTheOldLeader + LEASE_MS)).toBe(false);
    expect(workers.isLost("unseen", HANDOVER_MS + LEASE_MS * 1.25 + 1)).toBe(true);
  });
});

describe("the order of pending tasks of one kind", () => {
  test("is that of a sorted list, whatever comes and goes", () => {
    const step = fc.record({
      act: fc.constantFrom("insert", "insert", "shift", "pop", "remove" as const),
      sequence: fc.nat(40),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (taken) => {
        const fifo = new Fifo();
        let model: number[] = [];
        for (const { act, sequence } of taken) {
          if (act === "insert") {
            const isNew = !model.includes(sequence);
            expect(fifo.insert(pendingTask(`t${sequence}`, 1, { sequence }))).toBe(isNew);
            if (isNew) model = [...model, sequence].sort((a, b) => a - b);
          } else if (act === "shift") expect(fifo.shift()?.sequence).toBe(model.shift());
          else if (act === "pop") expect(fifo.pop()?.sequence).toBe(model.pop());
          else {
            expect(fifo.remove(sequence)).toBe(model.includes(sequence));
            model = model.filter((each) => each !== sequence);
          }
          expect([fifo.size, fifo.first()?.sequence, fifo.last()?.sequence]).toEqual([
            model.length,
            model[0],
            model.at(-1),
          ]);
        }
      }),
    );
  });
});

describe("the clock of scheduled tasks", () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: NOW_MS });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("rings at the earliest time, and once until the promotion is applied", () => {
    let rings = 0;
    const clock = new PromotionClock(Date.now, () => (rings += 1));
    clock.expect(NOW_MS + 500);
    clock.expect(NOW_MS + 100);
    clock.expect(NOW_MS + 300);

    vi.advanceTimersByTime(99);
    expect(rings).toBe(0);
    vi.advanceTimersByTime(1);
    expect(rings).toBe(1);
    expect(clock.take(Date.now())).toBe(true);
    expect(clock.take(Date.now())).toBe(false);
    clock.promoted(NOW_MS + 300);
    vi.advanceTimersByTime(200);
    expect(rings).toBe(2);
  });

  test("waits longer than one timer can", () => {
    let rings = 0;
    const clock = new PromotionClock(Date.now, () => (rings += 1));
    clock.expect(NOW_MS + 2 ** 31 + 1_000);

    vi.advanceTimersByTime(2 ** 31);
    expect(rings).toBe(0);
    vi.advanceTimersByTime(1_001);
    expect(rings).toBe(1);
  });

  test("arms no timer once it is stopped, whatever is expected later", () => {
    const clock = new PromotionClock(Date.now, () => undefined);
    clock.expect(NOW_MS + 500);
    clock.stop();
    clock.expect(NOW_MS + 100);
    clock.promoted(NOW_MS + 200);

    expect(vi.getTimerCount()).toBe(0);
  });
});
