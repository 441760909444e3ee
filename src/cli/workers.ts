// `taskmesh workers`: the nodes that run tasks.
import type { Command } from "commander";
import { clientCommand, type ClientOptions, gatewayOf } from "./context.js";
import { type JsonObject, objectsOf, textOf } from "./gateway-client.js";
import { print, printJson, status, table } from "./output.js";

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
  const head = [
    "ID",
    "ADDRESS",
    "ROLE",
    "STATE",
    "RUNNING",
    "COMPLETED",
    "FAILED",
    "LABELS",
    "PID",
  ];
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
  return table(head, rows);
}
