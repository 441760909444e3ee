// Why an attempt ran where it did and ended there, told from the history, the log and the leader.
import { describe, expect, test } from "vitest";
import { AttemptOutcome, Task, TaskStatus } from "../../../../src/gen/mesh/v1/task.js";
import { attemptsWhy, type AttemptSources } from "../../../../src/mesh/reads/why/attempts.js";
import { stateReasons } from "../../../../src/mesh/reads/why/state.js";
import {
  LEASE_HAD_RUN_OUT,
  LEASE_LOST,
  RESTARTED,
} from "../../../../src/queue/task/attempt-ending.js";
import { NOW_MS, workerHello } from "../../../support/queue-fixtures.js";

const NOTHING: AttemptSources = {
  placementOf: () => undefined,
  termAt: (index) => (index > 5 ? 3 : undefined),
  drainOf: () => undefined,
};
const BLANK = Task.decode(new Uint8Array());

function ended(outcome: AttemptOutcome, error = "", sources: Partial<AttemptSources> = {}) {
  const times = { startedAtMs: NOW_MS, finishedAtMs: NOW_MS + 10 };
  const record = { attempt: 1, workerId: "n1", fence: 4, ...times, outcome, error, endedIndex: 8 };
  const task = { ...BLANK, type: "process", history: [record] };
  return attemptsWhy(task, { ...NOTHING, ...sources })[0]?.ended;
}

describe("an attempt that ended", () => {
  test.each([
    ["completed", AttemptOutcome.COMPLETED, ""],
    ["failed", AttemptOutcome.FAILED, "it broke"],
    ["timed_out", AttemptOutcome.TIMED_OUT, "too long"],
    ["deadline_exceeded", AttemptOutcome.TIMED_OUT, "deadline exceeded"],
    ["cancelled", AttemptOutcome.CANCELLED, ""],
    ["lease_run_out", AttemptOutcome.LOST, LEASE_HAD_RUN_OUT],
    ["node_restarted", AttemptOutcome.LOST, RESTARTED],
    ["node_lost", AttemptOutcome.LOST, ""],
    ["lease_run_out", AttemptOutcome.LAPSED, ""],
    ["lease_run_out", AttemptOutcome.HANDED_BACK, LEASE_LOST],
    ["handed_back", AttemptOutcome.HANDED_BACK, "the node is stopping"],
  ])("is told as %s, with entry and term", (code, outcome, error) => {
    expect(ended(outcome, error)).toMatchObject({ code, index: 8, term: 3, atMs: NOW_MS + 10 });
  });

  test("was handed back for a drain only where that was decided while it ran", () => {
    const codeFor = (atMs: number) =>
      ended(AttemptOutcome.HANDED_BACK, "", {
        drainOf: () => ({ nodeId: "n1", startedAtMs: 0, atMs }),
      })?.code;

    expect(codeFor(NOW_MS + 5)).toBe("node_drained");
    expect(codeFor(NOW_MS - 5)).toBe("handed_back");
  });
});

describe("the choice of a node", () => {
  const task = { ...BLANK, type: "process", requires: ["gpu"], status: TaskStatus.RUNNING };
  const running = { ...task, attempts: 1, workerId: "n1", fence: 9 };
  const node = (id: string, freeSlots: number, labels: string[]) => ({
    id,
    hello: workerHello(id, { labels }),
    freeSlots,
    running: 4 - freeSlots,
    relativeServiceTime: 1,
  });
  const placedAmong = (...considered: ReturnType<typeof node>[]) =>
    attemptsWhy(running, {
      ...NOTHING,
      placementOf: () => ({ index: 9, atMs: NOW_MS, policy: "weighted", assigned: 1, considered }),
    })[0];

  test("was one among those that could take it", () => {
    const able = [node("n1", 3, ["gpu"]), node("n2", 1, ["gpu"])];

    expect(placedAmong(...able, node("n3", 4, []))).toMatchObject({
      term: 3,
      ended: undefined,
      placed: {
        code: "chosen_by_policy",
        message: "the policy weighted chose n1: n1 3 of 4 free, n2 1 of 4 free",
        atMs: NOW_MS,
        nodes: [
          { id: "n1", freeSlots: 3, running: 1, concurrency: 4, relativeServiceTime: 1 },
          { id: "n2", freeSlots: 1 },
        ],
      },
    });
  });

  test("was none where only one could", () => {
    expect(placedAmong(node("n1", 1, ["gpu"]), node("n2", 4, []))?.placed).toMatchObject({
      code: "only_candidate",
      nodes: [{ id: "n1" }],
    });
  });

  test("of an earlier leader is not known: its entry, and its term while the log has it, are", () => {
    expect(attemptsWhy(running, NOTHING)[0]).toMatchObject({
      workerId: "n1",
      fence: 9,
      term: 3,
      placed: { code: "placement_unknown" },
    });
    expect(attemptsWhy({ ...running, fence: 4 }, NOTHING)[0]?.term).toBe(0);
  });
});

describe("a task's state", () => {
  const error = (name: string) => ({ name, message: "m", stack: "" });

  test.each([
    ["completed", { status: TaskStatus.COMPLETED }],
    ["attempts_exhausted", { status: TaskStatus.DEAD, attempts: 3, maxAttempts: 3 }],
    ["deadline_exceeded", { status: TaskStatus.DEAD, error: error("DeadlineExceeded") }],
    ["cancelled", { status: TaskStatus.CANCELLED }],
    ["dependency_failed", { status: TaskStatus.CANCELLED, error: error("DependencyFailed") }],
  ])("is told as %s, with what ended it", (code, more) => {
    const end = { index: 8, term: 3 };

    expect(stateReasons({ ...BLANK, ...more }, [], end)).toMatchObject([{ code, ...end }]);
  });
});
