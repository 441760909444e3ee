// What becomes of a node's tasks once it has said that it gave up its lease.
import { describe, expect, test } from "vitest";
import type { Finish, Release } from "../../../src/gen/mesh/v1/command.js";
import { AttemptOutcome } from "../../../src/gen/mesh/v1/task.js";
import { AssignmentTable } from "../../../src/queue/state/assignment-table.js";
import { LEASE_REVOKED } from "../../../src/queue/task/attempt-ending.js";
import { RunningAttempts } from "../../../src/queue/leader/running-attempts.js";
import { WorkerDirectory } from "../../../src/queue/leader/worker-directory.js";
import { runningTask, taskReport, workerHello } from "../../support/queue-fixtures.js";

const INDEX = 10;

/** A leader in whose table n1 runs a, b and, assigned after INDEX, late; n2 runs other. */
function bench() {
  const table = new AssignmentTable();
  table.restore([
    runningTask("a", 4),
    runningTask("b", INDEX),
    runningTask("late", INDEX + 1),
    runningTask("other", 5, { nodeId: "n2" }),
  ]);
  const workers = new WorkerDirectory(1_000, 0, 0);
  for (const id of ["n1", "n2"]) {
    workers.attach(workerHello(id), 0, 0);
    workers.granted(id, 0);
  }
  const released: Release[] = [];
  const finished: Finish[] = [];
  const ending = new Set<string>();
  const once = (taskId: string): boolean => !ending.has(taskId) && ending.add(taskId).has(taskId);
  const attempts = new RunningAttempts({
    settings: { losses: { maxLosses: 5, maxLapses: 5, delayMs: 0, maxDelayMs: 0 } },
    table,
    workers,
    proposer: {
      release: (one) => once(one.taskId) && released.push(one) > 0,
      finish: (one) => once(one.taskId) && finished.push(one) > 0,
    },
    committedLog: { appliedIndex: () => INDEX + 1 },
    now: () => 1,
    random: () => 0,
    logger: { info: () => undefined, warn: () => undefined, error: () => undefined },
  });
  return { attempts, workers, released, finished };
}

describe("a node that has given up its lease", () => {
  test("gives back what it was assigned up to there, and nothing that came after", () => {
    const { attempts, released, workers } = bench();

    expect(attempts.revoked("n1", INDEX, [])).toBe(2);

    expect(released).toEqual([
      {
        taskId: "a",
        fence: 4,
        reason: AttemptOutcome.HANDED_BACK,
        cause: LEASE_REVOKED,
        runAtMs: 0,
      },
      {
        taskId: "b",
        fence: INDEX,
        reason: AttemptOutcome.HANDED_BACK,
        cause: LEASE_REVOKED,
        runAtMs: 0,
      },
    ]);
    expect([...workers.all()].map((worker) => workers.takesWork(worker))).toEqual([false, true]);
  });

  test("keeps the results that it could not tell", () => {
    const { attempts, released, finished } = bench();

    expect(attempts.revoked("n1", INDEX, [taskReport("a", 4)])).toBe(1);

    expect(finished.map(({ taskId }) => taskId)).toEqual(["a"]);
    expect(released.map(({ taskId }) => taskId)).toEqual(["b"]);
  });

  test("gives back what an older result of it speaks of", () => {
    const { attempts, released, finished } = bench();

    attempts.revoked("n1", INDEX, [taskReport("a", 3)]);

    expect(finished).toEqual([]);
    expect(released.map(({ taskId }) => taskId)).toEqual(["a", "b"]);
  });
});
