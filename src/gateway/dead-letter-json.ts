// A dead task as HTTP shows it: the task, and in one word why it is dead.
import { AttemptOutcome, type Task } from "../gen/mesh/v1/task.js";
import { taskJson } from "./task-json.js";

/** Stable words; docs/api.md explains them. */
export type DeathReason =
  "deadline_exceeded" | "node_lost" | "attempts_exhausted" | "timed_out" | "not_retryable";

/** JSON text of a dead task. */
export function deadLetterJson(task: Task): string {
  return `${taskJson(task).slice(0, -1)},"reason":"${deathReason(task)}"}`;
}

export function deathReason({ error, attempts, maxAttempts, history }: Task): DeathReason {
  if (error?.name === "DeadlineExceeded") return "deadline_exceeded";
  if (error?.name === "NodeLost") return "node_lost";
  if (attempts < maxAttempts) return "not_retryable";
  return history.at(-1)?.outcome === AttemptOutcome.TIMED_OUT ? "timed_out" : "attempts_exhausted";
}
