// Who waits for a task hears of its end from the log, and leaves nothing behind.
import { describe, expect, test } from "vitest";
import type { QueueChange } from "../../../src/queue/state/assignment-table.js";
import { TaskFeed } from "../../../src/mesh/reads/task-feed.js";
import { runningTask, stateOf } from "../../support/queue-fixtures.js";

const finished = (id: string, $case: "completed" | "retry"): QueueChange => ({
  kind: "finished",
  running: runningTask(id, 1),
  finish: {
    taskId: id,
    fence: 1,
    startedAtMs: 1,
    finishedAtMs: 2,
    outcome:
      $case === "completed"
        ? { $case, value: "1" }
        : { $case, value: { error: undefined, timedOut: false, runAtMs: 5 } },
  },
});
const tell = (feed: TaskFeed, ...changes: QueueChange[]): void =>
  feed.applied({ index: 7, term: 1, changes, changesSettings: false });

describe("a call that waits for a task", () => {
  test("learns the entry that ended it, and not of an attempt that is tried again", async () => {
    const feed = new TaskFeed();
    const ended = feed.watch("a", 10_000, new AbortController().signal).ended;

    tell(feed, finished("a", "retry"), finished("b", "completed"));
    expect(await stateOf(ended)).toBe("open");
    tell(feed, finished("a", "completed"));

    expect(await ended).toBe(7);
  });

  test("looks again when dependencies are settled, unless the task waits for none", async () => {
    const feed = new TaskFeed();
    const dependent = feed.watch("a", 10_000, new AbortController().signal);
    const plain = feed.watch("b", 10_000, new AbortController().signal);
    plain.dependsOnNone();

    tell(feed, { kind: "settled" });

    expect(await dependent.ended).toBe(7);
    expect(await stateOf(plain.ended)).toBe("open");
    tell(feed, { kind: "cancelled", taskId: "b", running: undefined });
    expect(await plain.ended).toBe(7);
  });

  test("looks again at every task when a snapshot took the place of entries", async () => {
    const feed = new TaskFeed();
    const dependent = feed.watch("a", 10_000, new AbortController().signal);
    const plain = feed.watch("b", 10_000, new AbortController().signal);
    plain.dependsOnNone();

    feed.restored(40);

    expect(await Promise.all([dependent.ended, plain.ended])).toEqual([40, 40]);
  });

  test("gives up at its time", async () => {
    expect(await new TaskFeed().watch("a", 1, new AbortController().signal).ended).toBeUndefined();
  });

  test("gives up at once where the caller is gone, before or after it began", async () => {
    const feed = new TaskFeed();
    const gone = new AbortController();
    gone.abort();
    const leaving = new AbortController();

    const before = feed.watch("a", 60_000, gone.signal).ended;
    const after = feed.watch("a", 60_000, leaving.signal).ended;
    leaving.abort();

    expect(await stateOf(before)).toBe("kept");
    expect(await stateOf(after)).toBe("kept");
  });
});
