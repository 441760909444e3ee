// `taskmesh dead-letters`: what has failed for good, looked at, run again or dropped.
import { Argument, type Command } from "commander";
import { clientCommand, type ClientOptions, gatewayOf, integer } from "./context.js";
import { exitCode, ExitError } from "./exit.js";
import {
  type GatewayClient,
  type JsonObject,
  objectOf,
  objectsOf,
  searchOf,
  textOf,
} from "./gateway-client.js";
import { cut, print, printJson, printMore } from "./output.js";
import { type Column, table } from "./table.js";
import { relativeTime } from "./when.js";

/** What one call takes, and the default of the gateway. */
const MAX_TAKEN = 1_000;

interface DeadLetterOptions extends ClientOptions {
  readonly ids?: readonly string[];
  readonly type?: string;
  readonly queue?: string;
  readonly limit?: number;
  readonly cursor?: string;
  readonly all?: boolean;
}

const ACTIONS = ["list", "retry", "drop"] as const;
type Action = (typeof ACTIONS)[number];

const COLUMNS: readonly (string | Column)[] = [
  "ID",
  { title: "TYPE", min: 6 },
  { title: "QUEUE", min: 6 },
  { title: "REASON", min: 12 },
  { title: "ATTEMPTS", narrow: { title: "TRY" } },
  { title: "DIED", narrow: { title: "DIED", cell: relativeTime } },
  { title: "ERROR", min: 10 },
];
const ERROR_LENGTH = 60;

/** The command `dead-letters`. */
export function deadLettersCommand(): Command {
  return clientCommand("dead-letters", "list what has failed for good, run it again, or drop it")
    .addArgument(new Argument("[action]", "what to do").choices(ACTIONS).default("list"))
    .option("--ids <ids>", "with retry and drop: these tasks: ID,ID", (text) => text.split(","))
    .option("--type <type>", "of this type")
    .option("--queue <name>", "of this queue")
    .option("--limit <count>", "so many at most", integer("--limit", 1, MAX_TAKEN))
    .option("--cursor <cursor>", "with list: go on where a list ended")
    .option("--all", "with retry and drop: all that match, in several calls if need be")
    .addHelpText("after", "\nretry and drop take nothing unasked: name --ids, a filter or --all.")
    .action((action: Action, options: DeadLetterOptions) =>
      action === "list" ? list(options) : take(action, options),
    );
}

async function list(options: DeadLetterOptions): Promise<void> {
  const { ids, type, queue, limit, cursor, all } = options;
  if (ids !== undefined || all !== undefined) {
    throw new ExitError("--ids and --all go with retry and drop", exitCode.usage);
  }
  const answer = await gatewayOf(options).call(
    `/dead-letters${searchOf({ type, queue, limit, cursor })}`,
  );
  if (options.json === true) {
    printJson(answer);
    return;
  }
  const letters = objectsOf(answer["deadLetters"]);
  if (letters.length === 0) {
    print("no dead letters");
    return;
  }
  for (const line of table(COLUMNS, letters.map(row))) print(line);
  printMore(textOf(answer["nextCursor"]));
}

function row(letter: JsonObject): string[] {
  return [
    textOf(letter["id"]),
    textOf(letter["type"]),
    textOf(letter["queue"]),
    textOf(letter["reason"]),
    `${textOf(letter["attempts"])}/${textOf(letter["maxAttempts"])}`,
    textOf(letter["finishedAt"]),
    cut(textOf(objectOf(letter["error"])["message"]), ERROR_LENGTH),
  ];
}

async function take(action: "retry" | "drop", options: DeadLetterOptions): Promise<void> {
  const body = selectionOf(options);
  const gateway = gatewayOf(options);
  const ids: string[] = [];
  for (;;) {
    const answer = await call(gateway, action, body);
    const taken: unknown = answer["ids"];
    if (Array.isArray(taken)) ids.push(...taken.map(textOf));
    const isMore = answer["more"] === true;
    // One that took none will take none the next time either.
    const goesOn = options.all === true && isMore && Array.isArray(taken) && taken.length > 0;
    if (!goesOn) {
      tell(action, ids, isMore, options);
      return;
    }
  }
}

function call(gateway: GatewayClient, action: "retry" | "drop", body: JsonObject) {
  return action === "retry"
    ? gateway.call("/dead-letters/retry", { method: "POST", body })
    : gateway.call("/dead-letters", { method: "DELETE", body });
}

function selectionOf({ ids, type, queue, limit, cursor, all }: DeadLetterOptions): JsonObject {
  const hasFilter = type !== undefined || queue !== undefined;
  if (cursor !== undefined) throw new ExitError("--cursor goes with list", exitCode.usage);
  if (ids !== undefined && (hasFilter || limit !== undefined || all === true)) {
    throw new ExitError("--ids stands alone: no filter, --limit or --all", exitCode.usage);
  }
  if (all === true && limit !== undefined) {
    throw new ExitError("give --limit or --all, not both", exitCode.usage);
  }
  if (ids === undefined && !hasFilter && limit === undefined && all !== true) {
    const line = "name what to take: --ids, --type, --queue, --limit, or --all for everything";
    throw new ExitError(line, exitCode.usage);
  }
  return ids === undefined ? { type, queue, limit: limit ?? MAX_TAKEN } : { ids };
}

function tell(
  action: "retry" | "drop",
  ids: readonly string[],
  isMore: boolean,
  { json }: ClientOptions,
): void {
  const done = action === "retry" ? "retried" : "dropped";
  if (json === true) {
    printJson({ [done]: ids.length, ids, more: isMore });
    return;
  }
  print(`${ids.length} ${done}`);
  if (isMore) print(`more match: the same again takes the next ones, --all takes all`);
}
