// Why a task does not run: each cause is told, with what it is about, and none that does not hold.
import { describe, expect, test } from "vitest";
import { AttemptOutcome, Task, TaskStatus } from "../../../src/gen/mesh/v1/task.js";
import { LeastLoadedPolicy } from "../../../src/queue/balancing/least-loaded.js";
import { QueueGates } from "../../../src/queue/controls/queue-gates.js";
import type { SyncState } from "../../../src/queue/leader/redis-sync.js";
import { HoldUps, type Standing } from "../../../src/queue/why/hold-ups.js";
import { WorkerDirectory } from "../../../src/queue/leader/worker-directory.js";
import { NOW_MS, workerHello } from "../../support/queue-fixtures.js";

const IN_STEP: Standing = { appliedIndex: 9, redisIndex: 9, ahead: 0 };
const AWAY: SyncState = { kind: "waiting", reason: "connection refused" };

function leader() {
  const gates = new QueueGates();
  const workers = new WorkerDirectory(1_000, 0, 500);
  const seen = {
    atHand: true,
    claimedAt: undefined as number | undefined,
    state: { kind: "in-step" } as SyncState,
    isRead: true,
  };
  const holdUps = new HoldUps({
    gates,
    workers,
    policy: new LeastLoadedPolicy(),
    isAtHand: () => seen.atHand,
    claimedAt: () => seen.claimedAt,
    redis: () => seen,
    now: () => NOW_MS,
  });
  const attach = (id: string, more: Parameters<typeof workerHello>[1] = {}, running = 0) => {
    workers.attach(workerHello(id, more), running, 0);
    workers.granted(id, 0);
  };
  const told = (task: Partial<Task> = {}, standing = IN_STEP) =>
    holdUps.of(waiting(task), standing);
  const codes = (...about: Parameters<typeof told>) => told(...about).map(({ code }) => code);
  const only = (task: Partial<Task> = {}, standing = IN_STEP) => {
    const [first, ...others] = told(task, standing);
    expect(others).toEqual([]);
    return first;
  };
  return { gates, workers, seen, attach, told, codes, only };
}

function waiting(more: Partial<Task>): Task {
  const blank = Task.decode(new Uint8Array());
  const plain = { id: "a", type: "process", queue: "default", status: TaskStatus.PENDING };
  return { ...blank, ...plain, runAtMs: NOW_MS, ...more };
}

const limits = (more: object) => ({ concurrency: 0, rate: undefined, weight: 1, ...more });

describe("a pending task", () => {
  test("that nothing holds up is next", () => {
    const { attach, codes } = leader();
    attach("n1");

    expect(codes()).toEqual(["next"]);
  });

  test("is held up by its queue: paused, full, and out of starts, all at once", () => {
    const { attach, gates, codes, only } = leader();
    attach("n1");
    const rate = { count: 1, perMs: 60_000, burst: 1 };
    gates.configure({ name: "default", paused: true, limits: limits({ concurrency: 1, rate }) }, 1);
    gates.started("default", NOW_MS);

    expect(codes()).toEqual(["queue_paused", "queue_concurrency", "queue_rate"]);
    expect(codes({ queue: "other" })).toEqual(["next"]);
    gates.configure({ name: "default", paused: false, limits: limits({ rate }) }, 1);
    expect(only()).toMatchObject({ code: "queue_rate", atMs: NOW_MS + 60_000 });
    gates.configure({ name: "default", paused: false, limits: limits({ concurrency: 1 }) }, 1);
    expect(only()).toMatchObject({ code: "queue_concurrency", count: 1, limit: 1 });
  });

  test("finds no live node with its type, and hears what became of those that have it", () => {
    const { attach, workers, only } = leader();
    attach("n1");
    attach("n2", { types: ["mail"] });
    attach("n3", { types: ["mail"] });
    workers.drain("n2");
    workers.detach("n3");

    expect(only({ type: "mail" })).toMatchObject({
      code: "no_node_with_type",
      message:
        'no live node handles the type "mail" (n2, which does, is draining, n3, which does, is lost)',
      nodes: [
        { id: "n2", state: "draining" },
        { id: "n3", state: "lost" },
      ],
    });
  });

  test("finds no live node with its labels, and hears which are missing where", () => {
    const { attach, only } = leader();
    attach("n1", { labels: ["eu"] });
    attach("n2", { labels: ["gpu"] });

    expect(only({ requires: ["gpu", "arm"] })).toMatchObject({
      code: "no_node_with_labels",
      message: 'no live node that handles "process" has the label arm',
      missingLabels: ["arm"],
    });
    // given each label is there, but never both
    expect(only({ requires: ["gpu", "eu"] })).toMatchObject({
      code: "no_node_with_labels",
      message:
        'no live node that handles "process" has all of its labels: n1 lacks gpu, n2 lacks eu',
      missingLabels: [],
      nodes: [
        { id: "n1", missingLabels: ["gpu"] },
        { id: "n2", missingLabels: ["eu"] },
      ],
    });
  });

  test("finds those nodes full that could take it, whatever others have free", () => {
    const { attach, only } = leader();
    attach("n1", { labels: ["gpu"], concurrency: 2 }, 2);
    attach("n2");

    expect(only({ requires: ["gpu"] })).toMatchObject({
      code: "no_free_slot",
      message: "no node that could take it has a free slot: n1 (2 of 2 slots taken)",
      nodes: [{ id: "n1", running: 2, concurrency: 2, freeSlots: 0 }],
    });
  });

  test("waits for Redis only where it is not at hand", () => {
    const { attach, seen, codes, only } = leader();
    attach("n1");
    seen.state = AWAY;
    const behind = { ...IN_STEP, redisIndex: 4 };
    expect(codes({}, behind)).toEqual(["next"]);

    seen.atHand = false;
    expect(only({}, behind)).toMatchObject({
      code: "redis_behind",
      message:
        "it waits in Redis, which is behind the log (connection refused): it is known to reflect entry 4 of 9",
      count: 4,
      limit: 9,
    });
    seen.state = { kind: "in-step" };
    expect(codes({}, behind)).toEqual(["redis_behind"]);
    expect(codes()).toEqual(["next"]);
    seen.isRead = false;
    expect(codes()).toEqual(["redis_behind"]);
  });

  test("hears how many come first", () => {
    const { attach, gates, told, codes } = leader();
    attach("n1");
    const standing = { ...IN_STEP, ahead: 12 };

    expect(codes({}, standing)).toEqual(["next", "tasks_ahead"]);
    gates.configure({ name: "default", paused: true, limits: undefined }, 1);
    expect(told({}, standing)).toMatchObject([
      { code: "queue_paused" },
      { code: "tasks_ahead", count: 12 },
    ]);
  });

  test("that is being given to a node hears by which entry, and no other reason", () => {
    const { gates, seen, only } = leader();
    gates.configure({ name: "default", paused: true, limits: undefined }, 1);
    seen.claimedAt = 10;

    expect(only()).toMatchObject({ code: "being_assigned", index: 10 });
  });
});

describe("a scheduled task", () => {
  const scheduled = { status: TaskStatus.SCHEDULED };

  test("waits for its time", () => {
    const { only } = leader();

    expect(only({ ...scheduled, runAtMs: NOW_MS + 5 })).toMatchObject({
      code: "delayed",
      atMs: NOW_MS + 5,
    });
  });

  test("waits for its backoff to pass", () => {
    const { only } = leader();
    const attempt = { attempt: 1, workerId: "n1", fence: 3, startedAtMs: 1, finishedAtMs: 2 };
    const outcome = AttemptOutcome.FAILED;
    const history = [{ ...attempt, outcome, error: "it broke", endedIndex: 4 }];

    expect(only({ ...scheduled, runAtMs: NOW_MS + 5, history })).toMatchObject({
      code: "retry_backoff",
      atMs: NOW_MS + 5,
      index: 4,
    });
  });

  test("waits for other tasks, and for its time as well", () => {
    const { codes, only } = leader();

    expect(only({ ...scheduled, waitsFor: ["b", "c"] })).toMatchObject({
      code: "waiting_for_tasks",
      taskIds: ["b", "c"],
    });
    expect(codes({ ...scheduled, waitsFor: ["b"], runAtMs: NOW_MS + 5 })).toEqual([
      "waiting_for_tasks",
      "delayed",
    ]);
  });

  test("whose time has come waits for the entry that says so, or for Redis", () => {
    const { codes, seen } = leader();
    seen.atHand = false;
    expect(codes(scheduled)).toEqual(["due"]);

    seen.state = AWAY;
    expect(codes(scheduled)).toEqual(["redis_behind"]);
  });
});
