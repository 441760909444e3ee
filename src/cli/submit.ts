// `taskmesh submit`: hands a task to the mesh, and waits for its end where asked to.
import type { Command } from "commander";
import {
  clientCommand,
  type ClientOptions,
  dateTime,
  duration,
  gatewayOf,
  integer,
} from "./context.js";
import { jsonFaultOf } from "../input/json-text.js";
import { exitCode, ExitError } from "./exit.js";
import { type GatewayClient, type JsonObject, textOf } from "./gateway-client.js";
import { paint, print, printJson } from "./output.js";
import { taskDetails } from "./task-view.js";

interface SubmitOptions extends ClientOptions {
  readonly queue?: string;
  readonly priority?: string;
  readonly delay?: number;
  readonly runAt?: string;
  readonly maxAttempts?: number;
  readonly backoff?: string;
  readonly backoffDelay?: number;
  readonly timeout?: number;
  readonly requires?: readonly string[];
  readonly idempotencyKey?: string;
  readonly deadline?: number;
  readonly unique?: string;
  readonly after?: readonly string[];
  readonly onDependencyFailure?: string;
  readonly wait?: number | true;
}

const ENDED = ["completed", "dead", "cancelled"];
const DEFAULT_WAIT_MS = 60_000;
/** Longest wait of one call; a longer one is made of several. */
const CALL_WAIT_MS = 10_000;

/** The command `submit`. */
export function submitCommand(): Command {
  return clientCommand("submit", "hand a task to the mesh")
    .argument("<type>", "type of the task, such as process")
    .argument("[data]", "JSON; what is no JSON is taken as text")
    .option("--queue <name>", "queue")
    .option("--priority <priority>", "high, normal, low or 0 to 9 (9 first)")
    .option(
      "--delay <time>",
      "not before this time has passed: 500ms, 10s, 5m",
      duration("--delay"),
    )
    .option(
      "--run-at <time>",
      "not before this ISO 8601 time, such as 2030-01-31T12:00+01:00",
      dateTime("--run-at"),
    )
    .option("--max-attempts <count>", "attempts", integer("--max-attempts", 1, 1_000))
    .option("--backoff <type>", "exponential or fixed")
    .option("--backoff-delay <time>", "wait before the second attempt", duration("--backoff-delay"))
    .option("--timeout <time>", "bound of one attempt", duration("--timeout"))
    .option("--requires <labels>", "labels that a node must have: gpu,eu", (text) =>
      text.split(","),
    )
    .option("--idempotency-key <key>", "the same key gives the same task")
    .option(
      "--deadline <time>",
      "dead where it has not completed so long after now",
      duration("--deadline"),
    )
    .option("--unique <key>", "while a task with the key has not ended, it is that task")
    .option("--after <ids>", "not before these tasks have ended: ID,ID", (text) => text.split(","))
    .option("--on-dependency-failure <what>", "cancel (default) or run")
    .option("--wait [time]", "wait for the end (default 60s)", duration("--wait"))
    .action((type: string, data: string | undefined, options: SubmitOptions) =>
      submit(type, data, options),
    );
}

async function submit(type: string, data: string | undefined, options: SubmitOptions) {
  const gateway = gatewayOf(options);
  const submitted = await gateway.call("/tasks", {
    method: "POST",
    body: requestBody(type, data, options),
  });
  const task =
    options.wait === undefined
      ? submitted
      : await waitForEnd(
          gateway,
          submitted,
          options.wait === true ? DEFAULT_WAIT_MS : options.wait,
        );
  if (options.json === true) printJson(task);
  else for (const line of taskDetails(task)) print(line);
  if (options.wait === undefined) {
    if (options.json !== true) print(paint("dim", `\ntaskmesh task ${textOf(task["id"])}`));
    return;
  }
  const ending = textOf(task["status"]);
  if (ending === "completed") return;
  const end = ENDED.includes(ending) ? `ended as ${ending}` : `is still ${ending}: the time is up`;
  throw new ExitError(`task ${textOf(task["id"])} ${end}`);
}

function requestBody(type: string, data: string | undefined, options: SubmitOptions): JsonObject {
  const { backoff, backoffDelay } = options;
  const wanted = {
    type,
    data: data === undefined ? undefined : parseData(data),
    queue: options.queue,
    priority: options.priority === undefined ? undefined : parsePriority(options.priority),
    delayMs: options.delay,
    runAt: options.runAt,
    maxAttempts: options.maxAttempts,
    backoff:
      backoff === undefined && backoffDelay === undefined
        ? undefined
        : { type: backoff, delayMs: backoffDelay },
    timeoutMs: options.timeout,
    requires: options.requires,
    idempotencyKey: options.idempotencyKey,
    deadlineMs: options.deadline,
    uniqueKey: options.unique,
    after: options.after,
    onDependencyFailure: options.onDependencyFailure,
  };
  return Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== undefined));
}

/**
 * JSON as what it says, any other text as itself.
 *
 * @throws ExitError for JSON that would come back as something else
 */
export function parseData(text: string): unknown {
  const fault = jsonFaultOf(text);
  if (fault === undefined) return JSON.parse(text);
  if (fault.isSyntax) return text;
  throw new ExitError(`${["data", ...fault.path].join(".")} ${fault.problem}`, exitCode.usage);
}

function parsePriority(text: string): number | string {
  return /^\d$/.test(text) ? Number(text) : text;
}

async function waitForEnd(
  gateway: GatewayClient,
  submitted: JsonObject,
  waitMs: number,
): Promise<JsonObject> {
  const deadline = Date.now() + waitMs;
  let task = submitted;
  while (!ENDED.includes(textOf(task["status"]))) {
    const leftMs = deadline - Date.now();
    if (leftMs <= 0) break;
    const callMs = Math.min(leftMs, CALL_WAIT_MS);
    const id = encodeURIComponent(textOf(task["id"]));
    task = await gateway.call(`/tasks/${id}?wait=${callMs}ms`, { waitMs: callMs });
  }
  return task;
}
