// `taskmesh status`: health, workers and queues at a glance, once or again and again.
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import { clientCommand, type ClientOptions, gatewayOf } from "./context.js";
import { ExitError, exitLineOf } from "./exit.js";
import {
  type GatewayClient,
  type JsonObject,
  objectOf,
  objectsOf,
  textOf,
} from "./gateway-client.js";
import { pairs, paint, print, printJson, status } from "./output.js";
import { table } from "./table.js";
import { workerTable } from "./workers.js";

interface StatusOptions extends ClientOptions {
  readonly watch?: boolean;
}

const WATCH_INTERVAL_MS = 1_000;
const CLEAR_SCREEN = "\u001b[2J\u001b[H";

/** The command `status`. */
export function statusCommand(): Command {
  return clientCommand("status", "show health, leader, workers and queues")
    .option("--watch", "show it anew every second, until Ctrl+C")
    .action((options: StatusOptions) => (options.watch === true ? watch(options) : once(options)));
}

async function once(options: StatusOptions): Promise<void> {
  const seen = await look(gatewayOf(options));
  if (options.json === true) printJson(seen);
  else for (const line of statusLines(seen)) print(line);
  if (textOf(seen.health["status"]) === "unhealthy") throw new ExitError("the mesh is unhealthy");
}

// A mesh that cannot be reached for a while is what one watches for: it is shown, not given up.
async function watch(options: StatusOptions): Promise<never> {
  const gateway = gatewayOf(options);
  for (;;) {
    let lines: string[];
    try {
      const seen = await look(gateway);
      lines = options.json === true ? [JSON.stringify(seen)] : statusLines(seen);
    } catch (error) {
      const line = exitLineOf(error);
      if (line === undefined) throw error;
      lines = [paint("red", line)];
    }
    if (options.json !== true && process.stdout.isTTY) process.stdout.write(CLEAR_SCREEN);
    for (const line of lines) print(line);
    await sleep(WATCH_INTERVAL_MS);
  }
}

interface Seen {
  readonly health: JsonObject;
  readonly workers: readonly JsonObject[];
}

async function look(gateway: GatewayClient): Promise<Seen> {
  const health = await gateway.call("/health", { accept: [503] });
  const workers = await gateway
    .call("/workers")
    .then((answer) => objectsOf(answer["workers"]))
    .catch((error: unknown) => {
      // No leader, no list: the health above says why.
      if (exitLineOf(error) === undefined) throw error;
      return [];
    });
  return { health, workers };
}

function statusLines(seen: Seen): string[] {
  const { health, workers } = seen;
  const { queues: queuesOfHealth, ...counts } = objectOf(health["queues"]);
  const rows = Object.entries({ ...health, queues: undefined, tasks: counts })
    .map(
      ([name, value]) => [name, name === "status" ? status(textOf(value)) : plain(value)] as const,
    )
    .filter(([, text]) => text !== "");
  const lines = pairs(rows);
  if (workers.length > 0) lines.push("", ...workerTable(workers));
  const queues = objectsOf(queuesOfHealth);
  if (queues.length > 0) lines.push("", ...queueTable(queues));
  return lines;
}

function queueTable(queues: readonly JsonObject[]): string[] {
  const rows = queues.map((queue) => [
    textOf(queue["name"]),
    textOf(queue["pending"]),
    queue["paused"] === true ? "paused" : "open",
  ]);
  return table(["QUEUE", "PENDING", "STATE"], rows);
}

// {"pending": 3, "running": 1} → "pending 3   running 1"
function plain(value: unknown): string {
  if (Array.isArray(value)) return value.map(textOf).join("; ");
  const entries = Object.entries(objectOf(value)).filter(([, part]) => textOf(part) !== "");
  if (entries.length === 0) return typeof value === "object" ? "" : textOf(value);
  return entries.map(([name, part]) => `${name} ${textOf(part)}`).join("   ");
}
