// Which queue's task is next: priorities that rise, shares by weight, and queues that may not start
// anything standing in nobody's way.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { QueueLimits } from "../../../src/gen/mesh/v1/queue.js";
import { QueueGates } from "../../../src/queue/controls/queue-gates.js";
import { NO_LIMITS } from "../../../src/queue/state/queue-table.js";
import { PendingSet } from "../../../src/queue/pending/pending-set.js";
import { NOW_MS, pendingTask, runningTask } from "../../support/queue-fixtures.js";

const AGING_MS = 1_000;

/** Pending tasks whose queues are set as given; the clock is the test's. */
class Order {
  readonly gates = new QueueGates();
  readonly pending = new PendingSet({ gate: this.gates, agingMs: AGING_MS });
  nowMs = NOW_MS;
  #index = 0;

  set(name: string, limits: Partial<QueueLimits>, paused?: boolean): void {
    this.gates.configure({ name, paused, limits: { ...NO_LIMITS, ...limits } }, this.nowMs);
    this.pending.pauseChanged(name);
  }

  add(queue: string, count = 1, priority = 5): void {
    for (let added = 0; added < count; added += 1) {
      this.#index += 1;
      const place = { queue, priority, runAtMs: this.nowMs };
      this.pending.add(pendingTask(`${queue}${this.#index}`, this.#index, place), this.#index);
    }
  }

  /** Queues of the next tasks, up to so many in one turn. */
  start(count: number): string[] {
    const turn = this.pending.turn(this.nowMs);
    const queues: string[] = [];
    while (queues.length < count) {
      const task = turn.take(() => true);
      if (task === undefined) break;
      queues.push(task.queue);
    }
    return queues;
  }
}

function counts(queues: readonly string[]): Record<string, number> {
  const byQueue: Record<string, number> = {};
  for (const queue of queues) byQueue[queue] = (byQueue[queue] ?? 0) + 1;
  return byQueue;
}

describe("queues of one priority", () => {
  test("take turns, however much one of them has waiting", () => {
    const order = new Order();
    order.add("huge", 10_000);
    order.add("small", 5);

    expect(order.start(4)).toEqual(["huge", "small", "huge", "small"]);
    expect(counts(order.start(6))).toEqual({ huge: 3, small: 3 });
    expect(counts(order.start(6))).toEqual({ huge: 6 });
  });

  test("share by weight, over one turn as over many", () => {
    const order = new Order();
    order.set("a", { weight: 5 });
    order.set("b", { weight: 3 });
    for (const queue of ["a", "b", "c"]) order.add(queue, 2_000);

    expect(counts(order.start(900))).toEqual({ a: 500, b: 300, c: 100 });
    const single = Array.from({ length: 900 }, () => order.start(1)).flat();
    expect(counts(single)).toEqual({ a: 500, b: 300, c: 100 });
  });

  test("save up nothing while they have nothing to run", () => {
    const order = new Order();
    order.add("busy", 1_000);
    order.start(500);
    order.add("late", 100);

    expect(counts(order.start(100))).toEqual({ busy: 50, late: 50 });
  });

  test("a queue that hands in one task at a time takes no more than its share", () => {
    const order = new Order();
    order.add("steady", 100);
    const started: string[] = [];
    for (let round = 0; round < 50; round += 1) {
      order.add("dripping");
      started.push(...order.start(2));
    }

    expect(counts(started)).toEqual({ steady: 50, dripping: 50 });
  });
});

describe("priority", () => {
  test("comes before the shares of queues", () => {
    const order = new Order();
    order.set("a", { weight: 100 });
    order.add("a", 3, 5);
    order.add("b", 3, 6);

    expect(order.start(6)).toEqual(["b", "b", "b", "a", "a", "a"]);
  });

  test("rises by one for each time that a task waits, and no task is starved", () => {
    const order = new Order();
    order.add("low", 1, 0);
    let waitedMs = 0;
    // given that ever more tasks of the highest priority come than there are slots
    for (;;) {
      order.add("high", 2, 9);
      if (order.start(1)[0] === "low") break;
      order.nowMs += 100;
      waitedMs += 100;
      expect(waitedMs).toBeLessThan(20 * AGING_MS);
    }

    expect(waitedMs).toBeGreaterThanOrEqual(9 * AGING_MS);
  });

  test("of a task that waited long is not that of those behind it", () => {
    const order = new Order();
    order.add("a", 1, 3);
    order.nowMs += 3 * AGING_MS;
    order.add("a", 1, 3);
    order.add("b", 1, 5);

    expect(order.start(3)).toEqual(["a", "b", "a"]);
  });

  test("does not rise with a task of its queue that nobody can run", () => {
    const order = new Order();
    order.pending.add(
      pendingTask("gpu", 1, { priority: 0, requires: ["gpu"], runAtMs: NOW_MS }),
      1,
    );
    order.nowMs += 20 * AGING_MS;
    order.add("default", 1, 0);
    order.add("b", 1, 5);

    const turn = order.pending.turn(order.nowMs);
    const plain = (_type: string, requires: readonly string[]): boolean => requires.length === 0;

    expect([turn.take(plain)?.queue, turn.take(plain)?.queue]).toEqual(["b", "default"]);
  });
});

describe("a queue that may start nothing", () => {
  test("is passed over while it is paused, and holds nothing in memory", () => {
    const order = new Order();
    order.add("held", 1_000, 9);
    order.set("held", {}, true);
    order.add("held", 1_000, 9);
    order.add("free", 2, 0);

    expect(order.pending.size).toBe(2);
    expect(order.start(10)).toEqual(["free", "free"]);
    // Resumed, it is read from Redis again.
    order.set("held", {}, false);
    expect(order.pending.toRefill(5_000)).toMatchObject({ queue: "held", priority: 9 });
  });

  test("is not read from Redis while it is paused", () => {
    const order = new Order();
    order.set("held", {}, true);
    order.pending.reopen([{ queue: "held", priority: 5 }], 10);

    expect(order.pending.toRefill(10)).toBeUndefined();
  });

  test("is passed over at its limit of tasks that run, until one ends", () => {
    const order = new Order();
    order.set("few", { concurrency: 2 });
    order.add("few", 10, 9);
    order.add("free", 3, 0);

    expect(order.start(4)).toEqual(["few", "few", "free", "free"]);
    order.gates.ended("few");
    expect(order.start(4)).toEqual(["few", "free"]);
  });

  test("counts what runs when a leader is elected", () => {
    const gates = new QueueGates(undefined, [runningTask("a", 1, { queue: "few" })]);
    gates.configure(
      { name: "few", paused: undefined, limits: { ...NO_LIMITS, concurrency: 1 } },
      0,
    );

    expect(gates.opensAtMs("few")).toBe(Infinity);
    gates.ended("few");
    expect(gates.opensAtMs("few")).toBe(0);
  });

  test("says when its rate lets it go on", () => {
    const order = new Order();
    order.set("slow", { rate: { count: 1, perMs: 250, burst: 1 } });
    order.add("slow", 2);
    order.add("free", 1);
    const turn = order.pending.turn(order.nowMs);
    const queues = [1, 2, 3].map(() => turn.take(() => true)?.queue);

    expect(queues).toEqual(["slow", "free", undefined]);
    expect(turn.opensAtMs).toBe(NOW_MS + 250);
  });
});

describe("whatever is set and submitted", () => {
  test("no limit is passed, and every task of a queue that is open gets its turn", () => {
    const queue = fc.constantFrom("a", "b", "c");
    const limits = fc.record({
      concurrency: fc.constantFrom(0, 1, 2),
      rate: fc.constantFrom(undefined, { count: 2, perMs: 300, burst: 1 }),
      weight: fc.constantFrom(1, 4),
    });
    const act = fc.record({
      queue,
      limits,
      count: fc.nat(4),
      priority: fc.nat(9),
      slots: fc.nat(3),
    });
    fc.assert(
      fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
        const order = new Order();
        let open = 0;
        const running: string[] = [];
        const round = (slots: number): void => {
          const started = order.start(slots);
          open -= started.length;
          running.push(...started);
          for (const [name, count] of Object.entries(counts(running))) {
            const { concurrency = 0 } = set.get(name) ?? {};
            // A limit that was lowered stops new ones alone.
            if (concurrency > 0 && started.includes(name)) {
              expect(count).toBeLessThanOrEqual(concurrency);
            }
          }
        };
        const set = new Map<string, QueueLimits>();
        for (const { queue: name, limits: asked, count, priority, slots } of acts) {
          if (slots === 0) {
            order.set(name, asked);
            set.set(name, asked);
          }
          order.add(name, count, priority);
          open += count;
          round(slots);
          const ended = running.shift();
          if (ended !== undefined) order.gates.ended(ended);
          order.nowMs += 50;
        }
        // What runs ends, and time goes on: everything starts in the end.
        for (let rounds = 0; rounds < 2_000 && open > 0; rounds += 1) {
          for (const ended of running.splice(0)) order.gates.ended(ended);
          order.nowMs += 50;
          round(3);
        }
        expect(open).toBe(0);
      }),
      { numRuns: 200 },
    );
  });
});
