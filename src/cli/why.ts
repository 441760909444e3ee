// `taskmesh why`: what holds a task up, why its attempts ran where they ran, and how they ended.
import type { Command } from "commander";
import { clientCommand, type ClientOptions, gatewayOf } from "./context.js";
import { type JsonObject, objectOf, objectsOf, textOf } from "./gateway-client.js";
import { paint, print, printJson, status } from "./output.js";

/** The command `why`. */
export function whyCommand(): Command {
  return clientCommand("why", "say why a task waits, or ran where it ran and ended as it did")
    .argument("<id>", "id of the task")
    .action((id: string, options: ClientOptions) => why(id, options));
}

async function why(id: string, options: ClientOptions): Promise<void> {
  const answer = await gatewayOf(options).call(`/tasks/${encodeURIComponent(id)}/why`);
  if (options.json === true) printJson(answer);
  else for (const line of whyLines(answer)) print(line);
}

function whyLines(answer: JsonObject): string[] {
  return [
    `${textOf(answer["id"])} is ${status(textOf(answer["status"]))}`,
    ...objectsOf(answer["reasons"]).map(reasonLine),
    ...objectsOf(answer["attempts"]).flatMap(attemptLines),
  ];
}

function attemptLines(attempt: JsonObject): string[] {
  const where = entryText(textOf(attempt["fence"]), textOf(attempt["term"]));
  const ended = attempt["ended"];
  return [
    "",
    `attempt ${textOf(attempt["attempt"])} on ${textOf(attempt["workerId"])} ${paint("dim", where)}`,
    reasonLine(objectOf(attempt["placed"])),
    ...(ended === null ? [] : [reasonLine(objectOf(ended))]),
  ];
}

function reasonLine(reason: JsonObject): string {
  const where = entryText(textOf(reason["index"]), textOf(reason["term"]));
  const line = `  ${paint("yellow", textOf(reason["code"]))}: ${textOf(reason["message"])}`;
  return where === "" ? line : `${line} ${paint("dim", where)}`;
}

function entryText(index: string, term: string): string {
  if (index === "") return "";
  return term === "" ? `(entry ${index})` : `(entry ${index} of term ${term})`;
}
