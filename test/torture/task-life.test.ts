// The check of histories sees each kind of breach that meshes have shown, and takes what is possible.
import { expect, test } from "vitest";
import { impossibleIn, type LifeCall, type LifeOperation, type LifeOutcome } from "./task-life.js";

const done: LifeOutcome = { kind: "done" };
const refused: LifeOutcome = { kind: "refused" };
const unknown: LifeOutcome = { kind: "unknown" };
const completed: LifeOutcome = { kind: "seen", states: ["completed"] };
const cancelled: LifeOutcome = { kind: "seen", states: ["cancelled"] };
const live: LifeOutcome = { kind: "seen", states: ["live"] };
const dead: LifeOutcome = { kind: "seen", states: ["dead"] };

/** Calls that follow one another. */
const inTurn = (...calls: readonly (readonly [LifeCall, LifeOutcome])[]): LifeOperation[] =>
  calls.map(([call, outcome], at) => ({
    call,
    outcome,
    startMs: 2 * at,
    endMs: outcome.kind === "unknown" ? Infinity : 2 * at + 1,
  }));

test.each<[string, LifeOperation[], "completed" | "dead"]>([
  [
    "a cancelled task that completes",
    inTurn(["submit", done], ["cancel", done], ["read", completed]),
    "completed",
  ],
  [
    "a task that runs again unasked",
    inTurn(["submit", done], ["read", dead], ["read", live]),
    "dead",
  ],
  [
    "one retry that takes effect twice",
    inTurn(["submit", done], ["read", dead], ["retry", done], ["read", dead], ["read", live]),
    "dead",
  ],
  [
    "a completed task that is run again",
    inTurn(["submit", done], ["read", completed], ["retry", done]),
    "completed",
  ],
  [
    "a key that is over while its task is there",
    inTurn(
      ["submit", done],
      ["submit", { kind: "seen", states: ["removed"] }],
      ["read", completed],
    ),
    "completed",
  ],
  [
    "an acknowledged task that is not there",
    inTurn(["submit", done], ["read", { kind: "seen", states: ["absent", "removed"] }]),
    "completed",
  ],
  [
    "a cancellation that is told twice",
    inTurn(["submit", done], ["cancel", done], ["cancel", done]),
    "completed",
  ],
])("%s is seen", (_what, history, endsAs) => {
  expect(impossibleIn(history, endsAs)).toBeDefined();
});

test.each<[string, LifeOperation[], "completed" | "dead"]>([
  [
    "a retry of unknown outcome that took effect late",
    inTurn(["submit", done], ["read", dead], ["retry", unknown], ["read", dead], ["read", live]),
    "dead",
  ],
  [
    "a retry and a cancellation that were refused",
    inTurn(["submit", done], ["read", completed], ["retry", refused], ["cancel", refused]),
    "completed",
  ],
  [
    "calls of several clients that overlap",
    [
      { call: "submit", outcome: done, startMs: 0, endMs: 1 },
      { call: "read", outcome: cancelled, startMs: 2, endMs: 4 },
      { call: "cancel", outcome: done, startMs: 1, endMs: 8 },
      { call: "retry", outcome: done, startMs: 3, endMs: 9 },
      { call: "read", outcome: completed, startMs: 10, endMs: 11 },
    ],
    "completed",
  ],
])("%s is possible", (_what, history, endsAs) => {
  expect(impossibleIn(history, endsAs)).toBeUndefined();
});
