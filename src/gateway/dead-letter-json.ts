// A dead task as HTTP shows it: the task, and in one word why it is dead.
import { deathReason } from "../api/death-reason.js";
import type { Task } from "../gen/mesh/v1/task.js";
import { taskJson } from "./task-json.js";

/** JSON text of a dead task. */
export function deadLetterJson(task: Task): string {
  return `${taskJson(task).slice(0, -1)},"reason":"${deathReason(task)}"}`;
}
