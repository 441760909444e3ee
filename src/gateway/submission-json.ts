// What a submission is answered with: the task, and the receipt that says how safe it is.
import type { SubmitTaskResponse } from "../gen/mesh/v1/task_service.js";
import { present } from "./answers.js";
import { taskJson } from "./task-json.js";

/**
 * JSON text of the submitted task with its `durability`. Every answer comes after the entry was synced
 * by a quorum: there is no weaker level.
 */
export function submittedJson({ task, index }: SubmitTaskResponse): string {
  return `${taskJson(present(task)).slice(0, -1)},"durability":{"level":"quorum","index":${index}}}`;
}
