// What follows from the definition of a task alone, so that every node says the same of it.
import type { TaskDefinition } from "../../gen/mesh/v1/task.js";

/** How long an idempotency key stands for the task that was submitted with it, milliseconds. */
export const IDEMPOTENCY_WINDOW_MS = 24 * 60 * 60 * 1000;

/** When the task is dead where it has not completed; 0 for never. Milliseconds since the epoch. */
export function deadlineAtMs({
  createdAtMs,
  deadlineMs,
}: Pick<TaskDefinition, "createdAtMs" | "deadlineMs">): number {
  return deadlineMs === 0 ? 0 : createdAtMs + deadlineMs;
}

/** Whether Redis alone knows if the task is new, and pending: that depends on other tasks. */
export function dependsOnOthers({
  uniqueKey,
  after,
}: Pick<TaskDefinition, "uniqueKey" | "after">): boolean {
  return uniqueKey !== "" || after.length > 0;
}
