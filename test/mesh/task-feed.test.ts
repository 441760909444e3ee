// Waiters and watchers of tasks hear what the log says, and leave nothing behind.
import { describe, expect, test } from "vitest";
import { TaskStatus } from "../../src/gen/mesh/v1/task.js";
import type { QueueChange } from "../../src/queue/assignment-table.js";
import { TaskFeed } from "../../src/mesh/task-feed.js";
import { runningTask, stateOf, taskDefinition, turns } from "../support/queue-fixtures.js";

const submitted = (id: string): QueueChange => ({
  kind: "submitted",
  task: taskDefinition(id),
  scheduled: false,
});
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
  feed.applied({ index: 7, term: 1, changes }, 100);

describe("a call that waits for a task", () => {
  test("learns the entry that ended it, and not of an attempt that is tried again", async () => {
    const feed = new TaskFeed();
    const ended = feed.ended("a", 10_000, new AbortController().signal);

    tell(feed, finished("a", "retry"), finished("b", "completed"));
    expect(await stateOf(ended)).toBe("open");
    tell(feed, finished("a", "completed"));

    expect(await ended).toBe(7);
  });

  test("gives up at its time", async () => {
    expect(await new TaskFeed().ended("a", 1, new AbortController().signal)).toBeUndefined();
  });

  test("gives up at once where the caller is gone, before or after it began", async () => {
    const feed = new TaskFeed();
    const gone = new AbortController();
    gone.abort();
    const leaving = new AbortController();

    const before = feed.ended("a", 60_000, gone.signal);
    const after = feed.ended("a", 60_000, leaving.signal);
    leaving.abort();

    expect(await stateOf(before)).toBe("kept");
    expect(await stateOf(after)).toBe("kept");
  });
});

describe("a watcher", () => {
  test("sees the changes of its tasks in the order of the log", async () => {
    const feed = new TaskFeed();
    const watching = new AbortController();
    const seen: string[] = [];
    const reading = (async () => {
      for await (const { id, status } of feed.watch(["a"], watching.signal)) {
        seen.push(`${id} ${TaskStatus[status]}`);
      }
    })();
    await turns();

    tell(feed, submitted("a"), submitted("b"));
    tell(feed, finished("a", "completed"));
    await turns();
    watching.abort();
    await reading;

    expect(seen).toEqual(["a PENDING", "a COMPLETED"]);
  });

  test("ends where it is aborted while its reader is busy with a change", async () => {
    const feed = new TaskFeed();
    const watching = new AbortController();
    const reading = (async () => {
      for await (const { id } of feed.watch([], watching.signal)) {
        expect(id).toBe("a");
        watching.abort();
      }
    })();
    await turns();

    tell(feed, submitted("a"));

    expect(await stateOf(reading)).toBe("kept");
  });

  test("is ended with an error where it falls too far behind", async () => {
    const feed = new TaskFeed();
    const changes = feed.watch([], new AbortController().signal)[Symbol.asyncIterator]();
    const first = changes.next();
    await turns();
    tell(feed, ...Array.from({ length: 10_002 }, (_, at) => submitted(`t${at}`)));
    await first;

    const rest = (async () => {
      for (let next = await changes.next(); next.done !== true; next = await changes.next());
    })();

    await expect(rest).rejects.toMatchObject({ code: "overloaded" });
  });
});
