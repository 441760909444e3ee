// `taskmesh queues` and `taskmesh queue`: what named queues hold, and what is set for them.
import { Argument, type Command } from "commander";
import { clientCommand, type ClientOptions, duration, gatewayOf, integer } from "./context.js";
import { ExitError, exitCode } from "./exit.js";
import {
  type GatewayClient,
  type JsonObject,
  objectOf,
  objectsOf,
  searchOf,
  textOf,
} from "./gateway-client.js";
import { print, printJson, printMore } from "./output.js";
import { type Column, table } from "./table.js";

interface ListOptions extends ClientOptions {
  readonly limit?: number;
  readonly cursor?: string;
}

interface Rate {
  readonly count: number;
  readonly perMs: number;
}

interface QueueOptions extends ClientOptions {
  readonly concurrency?: number;
  readonly rate?: Rate;
  readonly burst?: number;
  readonly weight?: number;
}

const ACTIONS = ["show", "pause", "resume", "set"] as const;
type Action = (typeof ACTIONS)[number];
const HEAD: readonly (string | Column)[] = [
  { title: "QUEUE", min: 7 },
  "STATE",
  { title: "SCHEDULED", narrow: { title: "SCHED" } },
  { title: "PENDING", narrow: { title: "PEND" } },
  { title: "RUNNING", narrow: { title: "RUN" } },
  { title: "COMPLETED", narrow: { title: "DONE" } },
  "DEAD",
  { title: "CANCELLED", narrow: { title: "CANC" } },
  { title: "CONCURRENCY", narrow: { title: "LIMIT" } },
  "RATE",
  { title: "WEIGHT", isOptional: true },
];

/** The command `queues`. */
export function queuesCommand(): Command {
  return clientCommand("queues", "list the queues by name, with their tasks and limits")
    .option("--limit <count>", "queues to list", integer("--limit", 1, 1_000))
    .option("--cursor <cursor>", "go on where a list ended")
    .action((options: ListOptions) => list(options));
}

/** The command `queue`. */
export function queueCommand(): Command {
  return clientCommand("queue", "show, pause or resume a queue, or set its limits")
    .addArgument(new Argument("<action>", "what to do").choices(ACTIONS))
    .argument("<name>", "name of the queue")
    .option(
      "--concurrency <count>",
      "with set: tasks that run at a time over the whole mesh",
      integer("--concurrency", 1, 1_000_000),
    )
    .option("--rate <count/time>", "with set: starts in a time, such as 10/1s or 100/1m", rate)
    .option(
      "--burst <count>",
      "with set and --rate: starts at once after a pause",
      integer("--burst", 1, 1_000_000),
    )
    .option("--weight <weight>", "with set: share beside others", integer("--weight", 1, 1_000))
    .addHelpText("after", "\nset lifts every limit that it does not name.")
    .action((action: Action, name: string, options: QueueOptions) => queue(action, name, options));
}

async function list(options: ListOptions): Promise<void> {
  const { limit, cursor } = options;
  const answer = await gatewayOf(options).call(`/queues${searchOf({ limit, cursor })}`);
  if (options.json === true) {
    printJson(answer);
    return;
  }
  const queues = objectsOf(answer["queues"]);
  if (queues.length === 0) {
    print("no queues");
    return;
  }
  for (const line of table(HEAD, queues.map(row))) print(line);
  printMore(textOf(answer["nextCursor"]));
}

async function queue(action: Action, name: string, options: QueueOptions): Promise<void> {
  const path = `/queues/${encodeURIComponent(name)}`;
  const gateway = gatewayOf(options);
  const answer = await gateway.call(...callOf(action, path, options));
  if (options.json === true) printJson(answer);
  else for (const line of table(HEAD, [row(answer)])) print(line);
}

function callOf(
  action: Action,
  path: string,
  options: QueueOptions,
): Parameters<GatewayClient["call"]> {
  const { concurrency, rate: asked, burst, weight } = options;
  const isSetting = [concurrency, asked, burst, weight].some((value) => value !== undefined);
  if (isSetting && action !== "set") {
    throw new ExitError(`${action} takes no limits: taskmesh queue set`, exitCode.usage);
  }
  if (burst !== undefined && asked === undefined) {
    throw new ExitError("--burst needs --rate", exitCode.usage);
  }
  switch (action) {
    case "show":
      return [path];
    case "pause":
    case "resume":
      return [`${path}/${action}`, { method: "POST" }];
    case "set": {
      const body = { concurrency, rate: asked && { ...asked, burst }, weight };
      return [path, { method: "PUT", body }];
    }
  }
}

function row(one: JsonObject): string[] {
  const counts = objectOf(one["counts"]);
  const { count, perMs } = objectOf(one["rate"]);
  return [
    textOf(one["name"]),
    one["paused"] === true ? "paused" : "open",
    ...["scheduled", "pending", "running", "completed", "dead", "cancelled"].map((state) =>
      textOf(counts[state]),
    ),
    textOf(one["concurrency"]),
    count === undefined ? "" : `${textOf(count)}/${perText(Number(perMs))}`,
    textOf(one["weight"]),
  ];
}

/** As `--rate` takes it: "1s", "1m", "1500ms". */
function perText(perMs: number): string {
  for (const [unitMs, unit] of [
    [3_600_000, "h"],
    [60_000, "m"],
    [1_000, "s"],
  ] as const) {
    if (perMs % unitMs === 0) return `${perMs / unitMs}${unit}`;
  }
  return `${perMs}ms`;
}

function rate(text: string): Rate {
  const [count = "", time, ...rest] = text.split("/");
  const isOne = /^\d+$/.test(count) && Number(count) >= 1 && rest.length === 0;
  if (!isOne || time === undefined) {
    throw new ExitError(`--rate ${text}: give starts in a time, such as 10/1s`, exitCode.usage);
  }
  // "10/s" is 10/1s.
  return { count: Number(count), perMs: duration("--rate")(/^\d/.test(time) ? time : `1${time}`) };
}
