// `taskmesh task`: one task with all that is known of it.
import type { Command } from "commander";
import { clientCommand, type ClientOptions, duration, gatewayOf } from "./context.js";
import { searchOf } from "./gateway-client.js";
import { print, printJson } from "./output.js";
import { taskDetails } from "./task-view.js";

interface TaskOptions extends ClientOptions {
  readonly wait?: number;
  readonly linearizable?: boolean;
}

/** The command `task`. */
export function taskCommand(): Command {
  return clientCommand("task", "show one task")
    .argument("<id>", "id of the task")
    .option("--wait <time>", "answer when it has ended or the time is up", duration("--wait"))
    .option("--linearizable", "see every change acknowledged before this call")
    .action((id: string, options: TaskOptions) => showTask(id, options));
}

async function showTask(id: string, options: TaskOptions): Promise<void> {
  const search = searchOf({
    wait: options.wait === undefined ? undefined : `${options.wait}ms`,
    consistency: options.linearizable === true ? "linearizable" : undefined,
  });
  const path = `/tasks/${encodeURIComponent(id)}${search}`;
  const task = await gatewayOf(options).call(path, { waitMs: options.wait ?? 0 });
  if (options.json === true) printJson(task);
  else for (const line of taskDetails(task)) print(line);
}
