// Counts the tasks of each queue by status and holds that against the counts that Redis keeps of them.
// Exact although the mesh goes on: the scripts counting-*.lua see to that; this is their caller.
import { randomUUID } from "node:crypto";
import type { Redis } from "ioredis";
import type { TaskStatus } from "../../gen/mesh/v1/task.js";
import { callRedis, CountingLost } from "./errors.js";
import type { RedisKeys } from "./keys.js";
import { RedisScript } from "./script.js";
import { storedStatus } from "./stored-enums.js";

/** A count that nobody has gone on with for this long is over: its owner is gone. */
const LEASE_MS = 30_000;
/** Of one step: Redis serves nobody else meanwhile, about a millisecond. */
const STEP_TASKS = 500;
const STEP_QUEUES = 100;
/** Counts that are begun before the last one's loss is told. */
const MAX_TRIES = 3;

const beginScript = new RedisScript("counting-begin.lua");
const nextScript = new RedisScript("counting-next.lua");

const COUNTING_LOST = {
  code: "COUNTINGLOST",
  toError: (cause: Error) =>
    new CountingLost(`the tasks were not counted: ${cause.message}`, { cause }),
};

export interface CountAuditOptions {
  readonly redis: Redis;
  readonly keys: RedisKeys;
  /** Smaller in tests. */
  readonly countedPerStep?: number;
}

/** A count that does not say how many tasks there are. */
export interface WrongCount {
  readonly queue: string;
  readonly status: TaskStatus;
  /** What Redis keeps. */
  readonly kept: number;
  /** How many tasks there are. */
  readonly actual: number;
}

/**
 * Resolves with each count that is wrong.
 * @throws RedisUnavailable; CountingLost where Redis lost writes, or others counted, again and again
 */
export async function auditCounts(
  options: CountAuditOptions,
  signal: AbortSignal,
): Promise<readonly WrongCount[]> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await count(options, signal);
    } catch (error) {
      if (!(error instanceof CountingLost) || attempt === MAX_TRIES) throw error;
    }
  }
}

async function count(
  { redis, keys, countedPerStep = STEP_TASKS }: CountAuditOptions,
  signal: AbortSignal,
): Promise<readonly WrongCount[]> {
  const owner = randomUUID();
  const wrong: WrongCount[] = [];
  const run = (script: RedisScript, args: readonly (string | number)[]): Promise<unknown> =>
    callRedis(() => script.run(redis, keys.prefix, args), COUNTING_LOST);
  await run(beginScript, [owner, LEASE_MS]);
  for (let step = 0; ; step += 1) {
    signal.throwIfAborted();
    const reply = await run(nextScript, [owner, step, countedPerStep, STEP_QUEUES]);
    const [isDone, ...differences] = reply as [number, ...Buffer[]];
    wrong.push(...wrongCounts(differences.map((value) => value.toString("utf8"))));
    if (isDone === 1) return wrong;
  }
}

function* wrongCounts(differences: readonly string[]): Iterable<WrongCount> {
  for (let at = 0; at < differences.length; at += 4) {
    const [queue = "", status, kept, actual] = differences.slice(at, at + 4);
    yield {
      queue,
      status: storedStatus(Number(status)),
      kept: Number(kept),
      actual: Number(actual),
    };
  }
}
