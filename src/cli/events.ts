// `taskmesh events`: what happens in the mesh, line by line, until Ctrl+C. Where the gateway goes away
// it comes back behind the last change that it has shown.
import { setTimeout as pause } from "node:timers/promises";
import type { Command } from "commander";
import { clientCommand, type ClientOptions, gatewayOf } from "./context.js";
import { eventsOf } from "./event-source.js";
import { exitLineOf } from "./exit.js";
import { type JsonObject, objectOf, objectsOf, textOf } from "./gateway-client.js";
import { paint, print, printError, status } from "./output.js";

const RETRY_MS = 1_000;

interface EventsOptions extends ClientOptions {
  readonly type?: string;
  readonly queue?: string;
  readonly id?: string;
  readonly from?: string;
  readonly only?: string;
}

/** The command `events`. */
export function eventsCommand(): Command {
  return clientCommand("events", "show what happens as it happens, until Ctrl+C")
    .option("--type <type>", "of tasks of this type")
    .option("--queue <name>", "of tasks of this queue")
    .option("--id <ids>", "of these tasks alone: ID,ID")
    .option("--from <index>", "begin at this index of the log instead of now")
    .option("--only <kind>", "task or cluster")
    .action((options: EventsOptions) => follow(options));
}

async function follow(options: EventsOptions): Promise<never> {
  const url = `${gatewayOf(options).url}/events?${queryOf(options)}`;
  let lastEventId = "";
  let isServed = false;
  for (;;) {
    try {
      for await (const { id, event, data } of eventsOf(url, lastEventId)) {
        isServed = true;
        lastEventId = id ?? lastEventId;
        if (event !== undefined) show(event, objectOf(JSON.parse(data)), options.json === true);
      }
    } catch (error) {
      const line = exitLineOf(error);
      // What was refused at once is refused again.
      if (line === undefined || !isServed) throw error;
      printError(paint("red", line));
    }
    await pause(RETRY_MS);
  }
}

function queryOf(options: EventsOptions): string {
  const query = new URLSearchParams();
  for (const name of ["type", "queue", "id", "from", "only"] as const) {
    const value = options[name];
    if (value !== undefined) query.set(name, value);
  }
  return query.toString();
}

function show(event: string, data: JsonObject, isJson: boolean): void {
  if (isJson) print(JSON.stringify({ event, ...data }));
  else if (event === "task") print(taskLine(data));
  else if (event === "cluster") print(clusterLine(data));
  else print(paint("yellow", `changes before entry ${textOf(data["oldestIndex"])} are not kept`));
}

// 12:00:00.004  01JD…  process  running  n2  attempt 1
function taskLine(task: JsonObject): string {
  const time = textOf(task["at"]).slice(11, 23);
  const worker = textOf(task["workerId"]);
  const attempt = textOf(task["attempt"]);
  const parts = [
    paint("dim", time),
    textOf(task["id"]),
    status(textOf(task["status"]).padEnd(9)),
    textOf(task["type"]),
    worker,
    attempt === "" ? "" : paint("dim", `attempt ${attempt}`),
  ];
  return parts.filter((part) => part !== "").join("  ");
}

// 12:00:00.004  term 7  leader n1  n1 active  n2 lost  redis down
function clusterLine(cluster: JsonObject): string {
  const leader = textOf(objectOf(cluster["leader"])["id"]);
  const redis = objectOf(cluster["redis"]);
  const trouble = redis["connected"] === true ? textOf(redis["error"]) : "down";
  const members = objectsOf(cluster["members"]).map(
    (member) => `${textOf(member["id"])} ${status(textOf(member["state"]))}`,
  );
  const parts = [
    paint("dim", new Date().toISOString().slice(11, 23)),
    `term ${textOf(cluster["term"])}`,
    leader === "" ? paint("red", "no leader") : `leader ${leader}`,
    ...members,
    trouble === "" ? "" : paint("yellow", `redis ${trouble}`),
  ];
  return parts.filter((part) => part !== "").join("  ");
}
