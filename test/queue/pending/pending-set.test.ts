// The leader's head of the backlog: nothing in it twice, nothing forgotten between memory and Redis.
import { describe, expect, test } from "vitest";
import { PendingBand } from "../../../src/queue/pending/pending-band.js";
import { PendingSet } from "../../../src/queue/pending/pending-set.js";
import { taskSequence } from "../../../src/queue/state/task-sequence.js";
import { NOW_MS, pendingTask } from "../../support/queue-fixtures.js";

const anything = (): boolean => true;

function drain(pending: PendingSet): string[] {
  const ids: string[] = [];
  const turn = pending.turn(NOW_MS);
  for (let task = turn.take(anything); task !== undefined; task = turn.take(anything)) {
    ids.push(task.id);
  }
  return ids;
}

describe("pending tasks", () => {
  test("run by priority, inside a priority in the order of submission, across queues", () => {
    const pending = new PendingSet();
    pending.add(pendingTask("low", 1, { priority: 0 }), 1);
    pending.add(pendingTask("second", 2, { queue: "b" }), 2);
    pending.add(pendingTask("third", 3, { queue: "a" }), 3);
    pending.add(pendingTask("high", 4, { priority: 9 }), 4);
    pending.add(pendingTask("first", 1, { queue: "c" }), 4);

    expect(drain(pending)).toEqual(["high", "first", "second", "third", "low"]);
  });

  test("one that nobody can run does not stand in the way of others of its queue", () => {
    const pending = new PendingSet();
    pending.add(pendingTask("gpu", 1, { requires: ["gpu"] }), 1);
    pending.add(pendingTask("plain", 2), 2);

    expect(pending.turn(NOW_MS).take((_type, requires) => requires.length === 0)?.id).toBe("plain");
  });

  test("labels and types that only look alike when joined are kept apart", () => {
    const pending = new PendingSet();
    pending.add(pendingTask("two labels", 1, { requires: ["x", "y"] }), 1);
    pending.add(pendingTask("one odd label", 2, { requires: ["x\ny"] }), 2);
    pending.add(pendingTask("odd type", 3, { type: "process\nx\ny" }), 3);
    const asked: string[] = [];

    pending.turn(NOW_MS).take((type, requires) => {
      asked.push(JSON.stringify([type, ...requires]));
      return false;
    });

    expect(asked).toEqual(['["process","x","y"]', '["process","x\\ny"]', '["process\\nx\\ny"]']);
  });

  test("a task that is added again under another place is still handed out once", () => {
    const pending = new PendingSet();
    pending.add(pendingTask("a", 1), 1);
    pending.add(pendingTask("a", 5), 5);

    expect(drain(pending)).toEqual(["a"]);
  });

  test("queues that are empty leave nothing behind, however many names there were", () => {
    const pending = new PendingSet();
    for (let index = 1; index <= 5_000; index += 1) {
      pending.add(pendingTask(`t${index}`, index, { queue: `q${index}` }), index);
      pending.remove(`t${index}`);
    }

    expect(pending.bandCount).toBeLessThan(100);
  });
});

describe("a band that leaves tasks to Redis", () => {
  const read = (redisIndex: number) => ({ readTo: 0, exhausted: true, redisIndex });

  test("does not pass over a task that came back while Redis was being read", () => {
    // given a band that is read from its beginning, the task running
    const band = new PendingBand("default", 5, true);
    band.reopen(20);

    // when it is released by entry 30 during a read that reflects entry 20
    band.add(pendingTask("back", 3), 30, 100);
    band.refill([], read(20));

    // then a read that reflects entry 30 still finds it
    expect(band.complete).toBe(false);
    expect(band.cursor).toBeLessThan(taskSequence(3, 0));
  });

  test("does not pass over what was evicted while Redis was being read", () => {
    const band = new PendingBand("default", 5, true);
    band.refill([pendingTask("a", 10)], {
      readTo: taskSequence(10, 0),
      exhausted: false,
      redisIndex: 20,
    });
    for (const index of [1, 2, 3]) band.add(pendingTask(`t${index}`, index), 25, 1);

    band.refill([], read(20));

    expect(band.complete).toBe(false);
    expect(band.cursor).toBeLessThan(taskSequence(10, 0));
  });

  test("waits for the newest of what it evicted, also where an older entry caused it", () => {
    // given two newcomers of entries that are on their way
    const band = new PendingBand("default", 5, false);
    band.add(pendingTask("a", 40), 40, 10);
    band.add(pendingTask("b", 41), 41, 10);

    // when Redis tells late of a promotion by entry 30, and that is one too many
    band.add(pendingTask("old", 1), 30, 1);
    expect(band.size).toBe(1);

    // then a read of entry 35 does not make it complete: the newcomers are not there yet
    expect(band.readableFrom).toBeGreaterThanOrEqual(41);
    band.refill([], read(35));
    expect(band.complete).toBe(false);
  });

  test("never takes back how far Redis must have come", () => {
    const band = new PendingBand("default", 5, true);
    band.add(pendingTask("released", 3), 50, 10);
    band.add(pendingTask("promoted", 4), 30, 10);

    expect(band.readableFrom).toBe(50);
  });
});
