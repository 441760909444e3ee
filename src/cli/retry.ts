// `taskmesh retry`: runs one task again; `taskmesh dead-letters retry` runs many.
import type { Command } from "commander";
import { changeTask } from "./change-task.js";
import { clientCommand, type ClientOptions } from "./context.js";

/** The command `retry`. */
export function retryCommand(): Command {
  return clientCommand("retry", "run a dead or cancelled task again, its attempts counted from 0")
    .argument("<id>", "id of the task")
    .action((id: string, options: ClientOptions) => changeTask(id, "POST", "/retry", options));
}
