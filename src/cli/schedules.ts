// `taskmesh schedules` and `taskmesh schedule`: what is submitted again and again.
import type { Command } from "commander";
import { clientCommand, type ClientOptions, gatewayOf, integer } from "./context.js";
import { exitCode, ExitError } from "./exit.js";
import { type JsonObject, objectOf, objectsOf, searchOf, textOf } from "./gateway-client.js";
import { pairs, print, printJson, printMore } from "./output.js";
import { type Column, table } from "./table.js";
import { relativeTime } from "./when.js";
import { parseData } from "./submit.js";

interface ListOptions extends ClientOptions {
  readonly limit?: number;
  readonly cursor?: string;
}

interface ScheduleOptions extends ClientOptions {
  readonly cron?: string;
  readonly timezone?: string;
  readonly type?: string;
  readonly data?: string;
  readonly queue?: string;
  readonly skipMissed?: boolean;
  readonly paused?: boolean;
  readonly delete?: boolean;
}

const COLUMNS: readonly (string | Column)[] = [
  { title: "NAME", min: 8 },
  { title: "CRON", min: 9 },
  { title: "TIMEZONE", min: 8 },
  { title: "TYPE", min: 6 },
  {
    title: "NEXT",
    narrow: { title: "NEXT", cell: (at) => (at === "paused" ? at : relativeTime(at)) },
  },
  { title: "LAST", narrow: { title: "LAST", cell: relativeTime } },
  "FIRED",
];

/** The command `schedules`. */
export function schedulesCommand(): Command {
  return clientCommand("schedules", "list the schedules by name")
    .option("--limit <count>", "schedules to list", integer("--limit", 1, 1_000))
    .option("--cursor <cursor>", "go on where a list ended")
    .action((options: ListOptions) => list(options));
}

/** The command `schedule`. */
export function scheduleCommand(): Command {
  return clientCommand("schedule", "show a schedule; with --cron and --type, put it; or delete it")
    .argument("<name>", "name of the schedule")
    .option("--cron <expression>", 'when: "*/5 9-17 * * 1-5", or with seconds first')
    .option("--timezone <zone>", "IANA name such as Europe/Berlin (default UTC)")
    .option("--type <type>", "type of the task")
    .option("--data <data>", "its data: JSON; what is no JSON is taken as text")
    .option("--queue <name>", "its queue")
    .option("--skip-missed", "submit nothing for times that were missed by more than a minute")
    .option("--paused", "keep it, and submit nothing")
    .option("--delete", "delete it")
    .action((name: string, options: ScheduleOptions) => schedule(name, options));
}

async function list(options: ListOptions): Promise<void> {
  const { limit, cursor } = options;
  const answer = await gatewayOf(options).call(`/schedules${searchOf({ limit, cursor })}`);
  if (options.json === true) {
    printJson(answer);
    return;
  }
  const schedules = objectsOf(answer["schedules"]);
  if (schedules.length === 0) {
    print("no schedules");
    return;
  }
  for (const line of table(COLUMNS, schedules.map(row))) print(line);
  printMore(textOf(answer["nextCursor"]));
}

function row(one: JsonObject): string[] {
  return [
    textOf(one["name"]),
    textOf(one["cron"]),
    textOf(one["timezone"]),
    textOf(objectOf(one["task"])["type"]),
    one["paused"] === true ? "paused" : textOf(one["nextAt"]),
    textOf(one["lastFiredAt"]),
    textOf(one["fired"]),
  ];
}

async function schedule(name: string, options: ScheduleOptions): Promise<void> {
  const gateway = gatewayOf(options);
  const path = `/schedules/${encodeURIComponent(name)}`;
  const answer = await gateway.call(path, requestOf(options));
  if (options.json === true) printJson(answer);
  else {
    const rows = Object.entries(answer).map(([key, value]) => [key, textOf(value)] as const);
    for (const line of pairs(rows)) print(line);
  }
}

function requestOf(options: ScheduleOptions) {
  const { cron, timezone, type, data, queue, paused, skipMissed } = options;
  const isPutting = [cron, timezone, type, data, queue, paused, skipMissed].some(
    (value) => value !== undefined,
  );
  if (options.delete === true) {
    if (isPutting) throw new ExitError("--delete takes nothing beside it", exitCode.usage);
    return { method: "DELETE" } as const;
  }
  if (!isPutting) return {};
  if (cron === undefined || type === undefined) {
    const line =
      "a schedule is put as a whole: give --cron and --type, with all that it is to have";
    throw new ExitError(line, exitCode.usage);
  }
  const task = { type, queue, data: data === undefined ? undefined : parseData(data) };
  const misfire = skipMissed === true ? "skip" : undefined;
  return { method: "PUT", body: { cron, timezone, task, paused, misfire } } as const;
}
