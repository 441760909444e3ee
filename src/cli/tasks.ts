// `taskmesh tasks`: the newest tasks, filtered.
import type { Command } from "commander";
import { clientCommand, type ClientOptions, gatewayOf, integer } from "./context.js";
import { objectsOf, searchOf, textOf } from "./gateway-client.js";
import { print, printJson, printMore } from "./output.js";
import { taskTable } from "./task-view.js";

interface TasksOptions extends ClientOptions {
  readonly status?: string;
  readonly type?: string;
  readonly queue?: string;
  readonly limit?: number;
  readonly cursor?: string;
}

/** The command `tasks`. */
export function tasksCommand(): Command {
  return clientCommand("tasks", "list tasks, newest first")
    .option("--status <status>", "scheduled, pending, running, completed, dead or cancelled")
    .option("--type <type>", "type of the tasks")
    .option("--queue <name>", "queue of the tasks")
    .option("--limit <count>", "tasks to list", integer("--limit", 1, 1_000))
    .option("--cursor <cursor>", "go on where a list ended")
    .action((options: TasksOptions) => listTasks(options));
}

async function listTasks(options: TasksOptions): Promise<void> {
  const { status, type, queue, limit, cursor } = options;
  const search = searchOf({ status, type, queue, limit, cursor });
  const answer = await gatewayOf(options).call(`/tasks${search}`);
  if (options.json === true) {
    printJson(answer);
    return;
  }
  const tasks = objectsOf(answer["tasks"]);
  if (tasks.length === 0) {
    print("no tasks");
    return;
  }
  for (const line of taskTable(tasks)) print(line);
  printMore(textOf(answer["nextCursor"]));
}
