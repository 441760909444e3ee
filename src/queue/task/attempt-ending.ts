// From what a worker reports to the command that ends the attempt: completed, tried again later,
// dead, or handed back.
import type { Finish, Release } from "../../gen/mesh/v1/command.js";
import { AttemptOutcome, type TaskError } from "../../gen/mesh/v1/task.js";
import type { TaskReport } from "../../gen/mesh/v1/worker_service.js";
import type { RunningTask } from "../state/assignment-table.js";
import { lossDelayMs, retryDelayMs } from "./retry-policy.js";

/** A worker that was started again disclaims what ran in it before with this reason. */
export const RESTARTED = "restarted";
/** A worker whose event loop stood still for longer than its lease hands back what it ran with this. */
export const STALLED = "the node stood still for longer than its lease";
/** Why a worker hands back what it may own no more. */
export const LEASE_LOST = "the lease was lost";
export const LEASE_HAD_RUN_OUT = "the lease had run out";
export const LEASE_REVOKED = "the leader did not hear of the node";

/**
 * How the node was lost, as far as the leader can tell. "gone": its process ended, or may have. "lapsed":
 * its connection stands, so that its process lives, and it did not renew its lease: it is short of
 * processor time, or stopped, or a handler blocks it.
 */
export type Loss = "gone" | "lapsed";

/** When a task goes on that lost its node, and when it is dead. */
export interface LossRules {
  /** Dead once this many nodes have gone: it may be what ends them. */
  readonly maxLosses: number;
  /** Dead after this many lapses, so that a task that blocks its nodes ends one day, too. */
  readonly maxLapses: number;
  /** Wait after the second loss of either kind; it doubles with each further one. Milliseconds. */
  readonly delayMs: number;
  /** Bound of that wait, milliseconds. */
  readonly maxDelayMs: number;
}

export interface EndingRules {
  readonly losses: LossRules;
  readonly nowMs: number;
  /** In [0, 1). */
  readonly random: () => number;
}

export type Ending =
  | { readonly kind: "finish"; readonly finish: Finish }
  | { readonly kind: "release"; readonly release: Release };

/** How a running attempt ends by its worker's report. */
export function endingOf(running: RunningTask, report: TaskReport, rules: EndingRules): Ending {
  const { outcome } = report;
  if (outcome === undefined) {
    return endingOfLoss(running, "gone", rules, "its report says nothing");
  }
  switch (outcome.$case) {
    case "result":
      return finish(running, report, rules, { $case: "completed", value: outcome.value });
    case "handedBack":
      if (outcome.value === RESTARTED) return endingOfLoss(running, "gone", rules, RESTARTED);
      // What ran may be what held the node up: it must not go round the nodes for ever.
      if (outcome.value === STALLED) return endingOfLoss(running, "lapsed", rules, STALLED);
      return release(running, AttemptOutcome.HANDED_BACK, outcome.value, 0);
    case "lost":
      return endingOfLoss(running, "gone", rules, outcome.value);
    case "failure": {
      const { error, retryable, timedOut } = outcome.value;
      const { attempt, maxAttempts, backoff } = running.assignment;
      if (!retryable || attempt >= maxAttempts || backoff === undefined) {
        return finish(running, report, rules, { $case: "dead", value: { error, timedOut } });
      }
      const runAtMs = rules.nowMs + retryDelayMs(backoff, attempt, rules.random);
      const value = { error, timedOut, runAtMs };
      return finish(running, report, rules, { $case: "retry", value });
    }
  }
}

/**
 * The node was lost: another one gets the task, unless the task may be what kills them.
 *
 * @param cause what says that it was
 */
export function endingOfLoss(
  running: RunningTask,
  loss: Loss,
  rules: EndingRules,
  cause: string,
): Ending {
  const losses = running.assignment.losses + (loss === "gone" ? 1 : 0);
  const lapses = running.assignment.lapses + (loss === "lapsed" ? 1 : 0);
  const { maxLosses, maxLapses } = rules.losses;
  if (losses < maxLosses && lapses < maxLapses) {
    const reason = loss === "gone" ? AttemptOutcome.LOST : AttemptOutcome.LAPSED;
    const delayMs = lossDelayMs(losses + lapses, rules.losses);
    return release(running, reason, cause, delayMs === 0 ? 0 : rules.nowMs + delayMs);
  }
  const message =
    losses >= maxLosses
      ? `${losses} nodes or handler hosts were lost while they ran it; the last one: ${cause}`
      : `its node let the lease run out ${lapses} times while it ran`;
  const error: TaskError = { name: "NodeLost", message, stack: "" };
  return {
    kind: "finish",
    finish: {
      taskId: running.assignment.taskId,
      fence: running.fence,
      startedAtMs: running.assignedAtMs,
      finishedAtMs: rules.nowMs,
      outcome: { $case: "dead", value: { error, timedOut: false } },
    },
  };
}

/** The node lives and has given up the attempt: another one gets the task, at once. */
export function endingOfRevocation(running: RunningTask): Extract<Ending, { kind: "release" }> {
  return release(running, AttemptOutcome.HANDED_BACK, LEASE_REVOKED, 0);
}

/**
 * The attempt took as long as its worker says; when that was is the worker's word as far as log time
 * bears it out, as retention goes by it, and the worker's clock may be wrong.
 */
function finish(
  { assignedAtMs }: RunningTask,
  { taskId, fence, ...reported }: TaskReport,
  { nowMs }: EndingRules,
  outcome: NonNullable<Finish["outcome"]>,
): Ending {
  const longestMs = Math.max(0, nowMs - assignedAtMs);
  const tookMs = within(0, reported.finishedAtMs - reported.startedAtMs, longestMs);
  const finishedAtMs = within(
    assignedAtMs + tookMs,
    reported.finishedAtMs,
    assignedAtMs + longestMs,
  );
  const startedAtMs = finishedAtMs - tookMs;
  return { kind: "finish", finish: { taskId, fence, startedAtMs, finishedAtMs, outcome } };
}

function within(least: number, value: number, most: number): number {
  return Math.min(Math.max(least, value), most);
}

function release(
  running: RunningTask,
  reason: AttemptOutcome.LOST | AttemptOutcome.LAPSED | AttemptOutcome.HANDED_BACK,
  cause: string,
  runAtMs: number,
): Extract<Ending, { kind: "release" }> {
  const { taskId } = running.assignment;
  return { kind: "release", release: { taskId, fence: running.fence, reason, cause, runAtMs } };
}
