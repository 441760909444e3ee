// Why a dead task is dead, in one word; gateway and nodes say the same.
import { AttemptOutcome, type Task } from "../gen/mesh/v1/task.js";

/** Stable words; docs/api.md explains them. */
export type DeathReason =
  "deadline_exceeded" | "node_lost" | "attempts_exhausted" | "timed_out" | "not_retryable";

/** Why a dead task is dead, from its last error and its attempts. */
export function deathReason({
  error,
  attempts,
  maxAttempts,
  history,
}: Pick<Task, "error" | "attempts" | "maxAttempts" | "history">): DeathReason {
  if (error?.name === "DeadlineExceeded") return "deadline_exceeded";
  if (error?.name === "NodeLost") return "node_lost";
  if (attempts < maxAttempts) return "not_retryable";
  return history.at(-1)?.outcome === AttemptOutcome.TIMED_OUT ? "timed_out" : "attempts_exhausted";
}
