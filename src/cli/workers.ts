// `taskmesh workers`: the nodes that run tasks.
import type { Command } from "commander";
import { clientCommand, type ClientOptions, gatewayOf } from "./context.js";
import { type JsonObject, objectsOf, textOf } from "./gateway-client.js";
import { print, printJson, status } from "./output.js";
import { type Column, table } from "./table.js";

const COLUMNS: readonly (string | Column)[] = [
  { title: "ID", min: 6 },
  { title: "ADDRESS", min: 15 },
  "ROLE",
  "STATE",
  { title: "RUNNING", narrow: { title: "RUN" } },
  { title: "COMPLETED", narrow: { title: "DONE" } },
  "FAILED",
  { title: "LABELS", min: 6, isOptional: true },
  { title: "PID", isOptional: true },
];

/** The command `workers`. */
export function workersCommand(): Command {
  return clientCommand("workers", "list the nodes and what they run").action(
    async (options: ClientOptions) => {
      const answer = await gatewayOf(options).call("/workers");
      if (options.json === true) printJson(answer);
      else for (const line of workerTable(objectsOf(answer["workers"]))) print(line);
    },
  );
}

/** Lines of a table of workers. */
export function workerTable(workers: readonly JsonObject[]): string[] {
  const rows = workers.map((worker) => [
    textOf(worker["id"]),
    textOf(worker["address"]),
    status(textOf(worker["role"])),
    status(textOf(worker["state"])),
    `${textOf(worker["running"])}/${textOf(worker["concurrency"])}`,
    textOf(worker["completed"]),
    textOf(worker["failed"]),
    Array.isArray(worker["labels"]) ? worker["labels"].map(textOf).join(",") : "",
    textOf(worker["pid"]),
  ]);
  return table(COLUMNS, rows);
}
