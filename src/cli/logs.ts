// `taskmesh logs`: what the handlers of a task have written down.
import type { Command } from "commander";
import { clientCommand, type ClientOptions, gatewayOf, integer } from "./context.js";
import { type JsonObject, objectsOf, searchOf, textOf } from "./gateway-client.js";
import { paint, print, printJson, printMore } from "./output.js";

interface LogsOptions extends ClientOptions {
  readonly attempt?: number;
  readonly limit?: number;
  readonly cursor?: string;
}

/** The command `logs`. */
export function logsCommand(): Command {
  return clientCommand("logs", "show what a task's handlers have written down, oldest first")
    .argument("<id>", "id of the task")
    .option("--attempt <number>", "lines of this attempt alone", integer("--attempt", 1, 1_000))
    .option("--limit <count>", "lines to show", integer("--limit", 1, 1_000))
    .option("--cursor <cursor>", "go on where a page ended")
    .action((id: string, options: LogsOptions) => showLogs(id, options));
}

async function showLogs(id: string, options: LogsOptions): Promise<void> {
  const { attempt, limit, cursor } = options;
  const path = `/tasks/${encodeURIComponent(id)}/logs${searchOf({ attempt, limit, cursor })}`;
  const answer = await gatewayOf(options).call(path);
  if (options.json === true) {
    printJson(answer);
    return;
  }
  for (const line of objectsOf(answer["lines"])) print(lineText(line));
  printMore(textOf(answer["nextCursor"]));
}

function lineText(line: JsonObject): string {
  const level = textOf(line["level"]);
  const said = level === "error" || level === "warn" ? paint("red", level) : level;
  const fields = line["fields"] === null ? "" : ` ${paint("dim", JSON.stringify(line["fields"]))}`;
  const head = `${paint("dim", textOf(line["at"]))} #${textOf(line["attempt"])} ${said}`;
  return `${head} ${textOf(line["message"])}${fields}`;
}
