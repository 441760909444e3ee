// The verdicts of scenarios: what breaks a promise is seen to break it.
import { describe, expect, test } from "vitest";
import type { ObservedTask } from "../../src/cli/scenario/observed-task.js";
import { fifoCheck, overtakingCheck } from "../../src/cli/scenario/priority.js";
import { median, perSecond, quantile } from "../../src/cli/scenario/statistics.js";
import { completedOnceCheck } from "../../src/cli/scenario/task-watch.js";

function task(id: string, fence: number, startedAt = 0, outcomes = ["completed"]): ObservedTask {
  const common = { workerId: "n1", fence, startedAt, finishedAt: startedAt };
  const history = outcomes.map((outcome) => ({ ...common, outcome }));
  return { ...common, id, status: "completed", priority: 5, history };
}

describe("completed exactly once", () => {
  test("holds for tasks that were lost with a node and completed elsewhere", () => {
    const tasks = [task("a", 1), task("b", 2, 0, ["lost", "completed"])];

    expect(completedOnceCheck(["a", "b"], tasks)).toMatchObject({ held: true, found: "2 of 2" });
  });

  test.each([
    ["is missing", [task("a", 1)]],
    ["completed twice", [task("a", 1), task("b", 2, 0, ["completed", "completed"])]],
    ["is dead", [task("a", 1), { ...task("b", 2, 0, ["failed"]), status: "dead" }]],
    ["was never acknowledged", [task("a", 1), task("b", 2), task("c", 3)]],
  ])("is broken where a task %s", (_what, tasks) => {
    expect(completedOnceCheck(["a", "b"], tasks).held).toBe(false);
  });
});

describe("priorities", () => {
  const normal = new Set(["n"]);

  test("overtaking is broken by a normal task between two high ones, or long after they came", () => {
    const late = task("n", 1, 5_000);

    expect(overtakingCheck([task("n", 1, 900)], normal, 1, 1_000).held).toBe(true);
    expect(overtakingCheck([late], normal, 1, 1_000).held).toBe(false);
    expect(overtakingCheck([task("h", 1), task("n", 2)], normal, 0, 1_000).held).toBe(false);
  });

  test("the order is broken by a task that starts before an older one", () => {
    const order = [task("a", 3), task("b", 3), task("c", 4)];

    expect(fifoCheck("high", ["a", "b", "c"], order).held).toBe(true);
    expect(fifoCheck("high", ["a", "c", "b"], order).held).toBe(false);
  });
});

test("figures are medians, quantiles and rates as one reckons them by hand", () => {
  expect([median([3, 1, 2]), median([4, 1, 2, 3])]).toEqual([2, 3]);
  expect(quantile([5, 1, 4, 2, 3], 0.99)).toBe(5);
  expect(perSecond(36, 10_000)).toBe(3.6);
});
