// `taskmesh cancel`: takes a task back.
import type { Command } from "commander";
import { changeTask } from "./change-task.js";
import { clientCommand, type ClientOptions } from "./context.js";

/** The command `cancel`. */
export function cancelCommand(): Command {
  return clientCommand(
    "cancel",
    "cancel a task: a pending one never runs, a running one is told to stop",
  )
    .argument("<id>", "id of the task")
    .action((id: string, options: ClientOptions) => changeTask(id, "DELETE", "", options));
}
