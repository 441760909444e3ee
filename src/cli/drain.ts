// `taskmesh drain`: takes a node out of work for good, and says when its process can be ended.
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import { clientCommand, type ClientOptions, duration, gatewayOf } from "./context.js";
import { ExitError } from "./exit.js";
import { type GatewayClient, type JsonObject, objectsOf, textOf } from "./gateway-client.js";
import { print, printJson } from "./output.js";
import { workerTable } from "./workers.js";

const POLL_MS = 500;

interface DrainOptions extends ClientOptions {
  readonly wait?: number;
}

/** The command `drain`. */
export function drainCommand(): Command {
  return clientCommand(
    "drain",
    "take a node out of work: it finishes what it runs and gives up its vote",
  )
    .argument("<id>", "name of the node, such as n2")
    .option(
      "--wait <time>",
      "wait until it is drained, at most so long: 90s, 10m",
      duration("--wait"),
    )
    .action((id: string, options: DrainOptions) => drain(id, options));
}

async function drain(id: string, options: DrainOptions): Promise<void> {
  const gateway = gatewayOf(options);
  const path = `/workers/${encodeURIComponent(id)}/drain`;
  let worker = await gateway.call(path, { method: "POST" });
  if (options.wait !== undefined) worker = await whenDrained(gateway, worker, options.wait);
  if (options.json === true) {
    printJson(worker);
    return;
  }
  for (const line of workerTable([worker])) print(line);
  if (worker["state"] === "drained") print(`${id} is drained: its process can be ended`);
}

async function whenDrained(
  gateway: GatewayClient,
  first: JsonObject,
  waitMs: number,
): Promise<JsonObject> {
  const id = textOf(first["id"]);
  const deadline = Date.now() + waitMs;
  let worker: JsonObject = first;
  while (worker["state"] !== "drained") {
    if (Date.now() > deadline) {
      throw new ExitError(
        `${id} is still ${textOf(worker["state"])} after ${waitMs / 1_000} s, with ${textOf(worker["running"])} tasks running; it goes on, and "taskmesh workers" shows it`,
      );
    }
    await sleep(POLL_MS);
    const answer = await gateway.call("/workers");
    const found = objectsOf(answer["workers"]).find((one) => one["id"] === id);
    // Its process has ended meanwhile, and it is no member any more.
    if (found === undefined) return { ...worker, state: "drained" };
    worker = found;
  }
  return worker;
}
