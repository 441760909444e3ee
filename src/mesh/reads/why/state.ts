// Why a task that runs or has ended is in that state.
import { deathReason, type DeathReason } from "../../../api/death-reason.js";
import { type Task, TaskStatus } from "../../../gen/mesh/v1/task.js";
import type { AttemptWhy, Reason } from "../../../gen/mesh/v1/task_why.js";
import { reason } from "../../../queue/why/reason.js";

const DEATHS: Readonly<Record<DeathReason, string>> = {
  deadline_exceeded: "its deadline passed before it completed",
  node_lost: "too many nodes were lost while they ran it",
  attempts_exhausted: "its last attempt failed",
  timed_out: "its last attempt ran for longer than timeoutMs",
  not_retryable: "its handler said that another attempt cannot help",
};

/** @param end entry of the log that ended it, where that is known */
export function stateReasons(
  task: Task,
  attempts: readonly AttemptWhy[],
  end: { readonly index: number; readonly term: number },
): Reason[] {
  const { status, workerId, finishedAtMs: atMs, error } = task;
  switch (status) {
    case TaskStatus.RUNNING: {
      const { fence: index = 0, term = 0 } = attempts.at(-1) ?? {};
      const message = `attempt ${task.attempts} runs on ${workerId}`;
      return [reason("running", message, { atMs: task.startedAtMs, index, term })];
    }
    case TaskStatus.COMPLETED:
      return [
        reason("completed", `attempt ${task.attempts} completed on ${workerId}`, { atMs, ...end }),
      ];
    case TaskStatus.DEAD: {
      const code = deathReason(task);
      return [reason(code, `${DEATHS[code]}: ${error?.message ?? ""}`, { atMs, ...end })];
    }
    case TaskStatus.CANCELLED:
      return error?.name === "DependencyFailed"
        ? [reason("dependency_failed", error.message, { atMs, ...end })]
        : [reason("cancelled", "a client cancelled it", { atMs, ...end })];
    case TaskStatus.UNSPECIFIED:
    case TaskStatus.SCHEDULED:
    case TaskStatus.PENDING:
    case TaskStatus.FAILED:
    case TaskStatus.UNRECOGNIZED:
      return [];
  }
}
