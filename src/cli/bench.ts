// `taskmesh bench`: how many tasks the running mesh takes and completes in a second, and how long its
// answers take, as clients of the gateway see it.
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import { clientCommand, type ClientOptions, gatewayOf, integer } from "./context.js";
import { exitCode, ExitError, reasonLineOf } from "./exit.js";
import {
  type GatewayClient,
  type JsonObject,
  objectOf,
  objectsOf,
  textOf,
} from "./gateway-client.js";
import { pairs, print, printJson } from "./output.js";
import { perSecond, quantile } from "./scenario/statistics.js";
import { parseData } from "./submit.js";

/** How often it is looked whether the tasks have ended, in milliseconds. */
const POLL_MS = 50;
/** How long nothing may end before the rest is given up, in milliseconds. */
const STALL_MS = 60_000;
const UNFINISHED = ["scheduled", "pending", "running"] as const;
const FAILED = ["dead", "cancelled"] as const;

interface BenchOptions extends ClientOptions {
  readonly tasks: number;
  readonly clients: number;
  readonly batch: number;
  readonly type: string;
  readonly data?: string;
  readonly queue: string;
}

/** What was submitted, as its answers tell. */
interface Tally {
  acknowledged: number;
  refused: number;
  firstRefusal: string | undefined;
  /** Entry of the log that has the last of them. */
  index: number;
  /** Of each call, in milliseconds. */
  readonly answersMs: number[];
}

/** The command `bench`. */
export function benchCommand(): Command {
  return clientCommand("bench", "load the running mesh, and say how many tasks a second it takes")
    .option("--tasks <count>", "tasks to submit", integer("--tasks", 1, 1_000_000), 2_000)
    .option("--clients <count>", "calls under way at a time", integer("--clients", 1, 1_000), 32)
    .option("--batch <count>", "tasks of one call", integer("--batch", 1, 10_000), 1)
    .option("--type <type>", "type of the tasks", "process")
    .option("--data <data>", "their data: JSON; what is no JSON is taken as text")
    .option("--queue <name>", "their queue, in which nothing else may wait", "bench")
    .action((options: BenchOptions) => bench(options));
}

async function bench(options: BenchOptions): Promise<void> {
  const gateway = gatewayOf(options);
  const before = await countsOf(gateway, options.queue);
  if (before === undefined) throw new ExitError("Redis does not answer: nothing could be counted");
  if (sumOf(before, UNFINISHED) > 0) {
    const line = `tasks wait in the queue ${options.queue} already: name another with --queue`;
    throw new ExitError(line, exitCode.usage);
  }
  const startMs = performance.now();
  const tally = await submitAll(gateway, options);
  const acknowledgedMs = performance.now() - startMs;
  const after = await untilEnded(gateway, options.queue, tally.index);
  const endedMs = performance.now() - startMs;
  const failed = sumOf(after, FAILED) - sumOf(before, FAILED);
  const { acknowledged, refused, answersMs } = tally;
  const figures = {
    tasks: options.tasks,
    clients: options.clients,
    batch: options.batch,
    acknowledged,
    refused,
    completed: acknowledged - failed,
    acknowledgedPerSecond: perSecond(acknowledged, acknowledgedMs),
    completedPerSecond: perSecond(acknowledged - failed, endedMs),
    answerMedianMs: rounded(quantile(answersMs, 0.5)),
    answer99Ms: rounded(quantile(answersMs, 0.99)),
  };
  if (options.json === true) printJson(figures);
  else {
    const rows = Object.entries(figures).map(([name, value]) => [name, String(value)] as const);
    for (const line of pairs(rows)) print(line);
  }
  if (refused > 0)
    throw new ExitError(`${refused} tasks were refused: ${tally.firstRefusal ?? ""}`);
  if (failed > 0) throw new ExitError(`${failed} tasks did not complete`);
}

async function submitAll(gateway: GatewayClient, options: BenchOptions): Promise<Tally> {
  const { tasks, clients, batch, type, queue } = options;
  const task = {
    type,
    queue,
    ...(options.data === undefined ? {} : { data: parseData(options.data) }),
  };
  const tally: Tally = {
    acknowledged: 0,
    refused: 0,
    firstRefusal: undefined,
    index: 0,
    answersMs: [],
  };
  let left = tasks;
  const client = async (): Promise<void> => {
    while (left > 0) {
      const size = Math.min(batch, left);
      left -= size;
      const sentMs = performance.now();
      const results = await submit(gateway, task, size).catch((error: unknown) => {
        tally.refused += size;
        tally.firstRefusal ??= reasonLineOf(error);
        return [];
      });
      tally.answersMs.push(performance.now() - sentMs);
      for (const result of results) count(result, tally);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  return tally;
}

/** The answer for each of `size` tasks, sent in one call. */
async function submit(
  gateway: GatewayClient,
  task: JsonObject,
  size: number,
): Promise<readonly JsonObject[]> {
  if (size === 1) {
    return [{ task: await gateway.call("/tasks", { method: "POST", body: task }) }];
  }
  const body = Array.from({ length: size }, () => task);
  return objectsOf((await gateway.call("/tasks/batch", { method: "POST", body }))["results"]);
}

function count(result: JsonObject, tally: Tally): void {
  if (result["error"] !== undefined) {
    tally.refused += 1;
    tally.firstRefusal ??= textOf(objectOf(result["error"])["detail"]);
    return;
  }
  tally.acknowledged += 1;
  const { index } = objectOf(objectOf(result["task"])["durability"]);
  tally.index = Math.max(tally.index, Number(index));
}

/** The counts of the queue once all that was acknowledged up to `index` has ended. */
async function untilEnded(
  gateway: GatewayClient,
  queue: string,
  index: number,
): Promise<JsonObject> {
  let unfinished = Number.POSITIVE_INFINITY;
  let changedMs = performance.now();
  for (;;) {
    // Only once Redis reflects the last submission do its counts tell of all.
    const cluster = await gateway.call("/cluster");
    const isSeen = Number(cluster["redisAppliedIndex"]) >= index;
    const counts = await countsOf(gateway, queue);
    const now =
      counts === undefined || !isSeen ? Number.POSITIVE_INFINITY : sumOf(counts, UNFINISHED);
    if (counts !== undefined && now === 0) return counts;
    if (now < unfinished) [unfinished, changedMs] = [now, performance.now()];
    if (performance.now() - changedMs > STALL_MS) {
      throw new ExitError(`nothing has ended for ${STALL_MS / 1_000} s: ${now} tasks are left`);
    }
    await sleep(POLL_MS);
  }
}

/** Undefined while Redis does not answer. */
async function countsOf(gateway: GatewayClient, queue: string): Promise<JsonObject | undefined> {
  const { counts } = await gateway.call(`/queues/${encodeURIComponent(queue)}`);
  return counts === null || counts === undefined ? undefined : objectOf(counts);
}

function sumOf(counts: JsonObject, states: readonly string[]): number {
  return states.reduce((sum, state) => sum + Number(counts[state] ?? 0), 0);
}

function rounded(ms: number): number {
  return Math.round(ms * 10) / 10;
}
