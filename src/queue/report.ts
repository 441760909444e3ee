// From what a worker reports to the command that ends the attempt: completed, tried again later,
// dead, or handed back.
import type { Finish, Release } from "../gen/mesh/v1/command.js";
import { AttemptOutcome, type TaskError } from "../gen/mesh/v1/task.js";
import type { TaskReport } from "../gen/mesh/v1/worker_service.js";
import type { RunningTask } from "./assignment-table.js";
import { retryDelayMs } from "./retry-policy.js";

/** A worker that was started again disclaims what ran in it before with this reason. */
export const RESTARTED = "restarted";
/** Why a worker hands back what it may own no more. */
export const LEASE_LOST = "the lease was lost";
export const LEASE_HAD_RUN_OUT = "the lease had run out";

export interface EndingRules {
  /** A task under which this many nodes were lost is dead. */
  readonly maxLosses: number;
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
  if (outcome === undefined) return endingOfLoss(running, rules, "its report says nothing");
  switch (outcome.$case) {
    case "result":
      return finish(report, { $case: "completed", value: outcome.value });
    case "handedBack":
      if (outcome.value === RESTARTED) return endingOfLoss(running, rules, RESTARTED);
      return release(running, AttemptOutcome.HANDED_BACK, outcome.value);
    case "failure": {
      const { error, retryable, timedOut } = outcome.value;
      const { attempt, maxAttempts, backoff } = running.assignment;
      if (!retryable || attempt >= maxAttempts || backoff === undefined) {
        return finish(report, { $case: "dead", value: { error, timedOut } });
      }
      const runAtMs = rules.nowMs + retryDelayMs(backoff, attempt, rules.random);
      return finish(report, { $case: "retry", value: { error, timedOut, runAtMs } });
    }
  }
}

/**
 * The node was lost: another one gets the task, unless the task may be what kills them.
 *
 * @param cause what says that it was
 */
export function endingOfLoss(running: RunningTask, rules: EndingRules, cause: string): Ending {
  const losses = running.assignment.losses + 1;
  if (losses < rules.maxLosses) return release(running, AttemptOutcome.LOST, cause);
  const error: TaskError = {
    name: "NodeLost",
    message: `${losses} nodes were lost while they ran it`,
    stack: "",
  };
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

function finish(report: TaskReport, outcome: NonNullable<Finish["outcome"]>): Ending {
  const { taskId, fence, startedAtMs, finishedAtMs } = report;
  return { kind: "finish", finish: { taskId, fence, startedAtMs, finishedAtMs, outcome } };
}

function release(
  running: RunningTask,
  reason: AttemptOutcome.LOST | AttemptOutcome.HANDED_BACK,
  cause: string,
): Ending {
  const { taskId } = running.assignment;
  return { kind: "release", release: { taskId, fence: running.fence, reason, cause } };
}
