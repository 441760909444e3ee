// What a snapshot costs: a dump of many pending tasks, alone and while the log is applied beside it, and
// the way back into an empty Redis. Run with the URL of a Redis that may be emptied:
// REDIS_URL=redis://… node bench/run.mjs redis-snapshot
import { Redis } from "ioredis";
import type { Command } from "../src/gen/mesh/v1/command.js";
import { BackoffType, OnDependencyFailure, type TaskDefinition } from "../src/gen/mesh/v1/task.js";
import { RedisApplier } from "../src/queue/redis/applier.js";
import { type DumpPiece, RedisDump } from "../src/queue/redis/dump.js";
import { RedisKeys } from "../src/queue/redis/keys.js";
import { RedisRestorer } from "../src/queue/redis/restorer.js";

const TASKS = Number(process.env["BENCH_TASKS"] ?? 100_000);
const PER_ENTRY = 100;
const LOAD_MS = 3_000;

const url = process.env["REDIS_URL"];
if (url === undefined) throw new Error("REDIS_URL names the Redis to measure; its data is removed");
const redis = new Redis(url, { protocol: 2 });
/** The dump has a connection of its own, as it has in a node. */
const reader = new Redis(url, { protocol: 2 });
await redis.flushall();
const keys = new RedisKeys("bench");
const applier = new RedisApplier({ redis, keys });
const atMs = Date.now();
let index = 0;
let made = 0;

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const ids = (count: number): string[] =>
  Array.from({ length: count }, () => `01JBENCH${String(made++).padStart(18, "0")}`);

for (let left = TASKS; left > 0; left -= PER_ENTRY) await apply(submit(ids(PER_ENTRY)));
say(`${TASKS} pending tasks of ${JSON.stringify(definition("x").data)}`);

const alone = await dumped();
say(`dump, nothing beside it: ${seconds(alone.tookMs)}, ${alone.tasks} tasks`);

const started = performance.now();
const without = await load(() => performance.now() - started < LOAD_MS);
say(`submit, assign and finish: ${rate(without)}, slowest call ${without.slowestMs.toFixed(0)} ms`);

let isDumping = true;
const dumping = dumped().finally(() => (isDumping = false));
const beside = await load(() => isDumping);
const { tookMs, pieces, tasks } = await dumping;
say(`the same beside a dump: ${rate(beside)}, slowest call ${beside.slowestMs.toFixed(0)} ms`);
say(`that dump: ${seconds(tookMs)}, ${tasks} tasks`);

await redis.flushall();
const restoring = performance.now();
await new RedisRestorer(redis, keys).restore(
  { index, term: 1, content: pieces },
  { found: 0, leaderTerm: 1, signal: new AbortController().signal },
);
say(`restore of ${tasks} tasks into an empty Redis: ${seconds(performance.now() - restoring)}`);
redis.disconnect();
reader.disconnect();

async function dumped(): Promise<{ tookMs: number; pieces: DumpPiece[]; tasks: number }> {
  const from = performance.now();
  const dump = await RedisDump.begin({ redis: reader, keys });
  const found: DumpPiece[] = [];
  if (dump !== undefined) for await (const piece of dump.pieces()) found.push(piece);
  const count = found.reduce((sum, one) => sum + (one.kind === "tasks" ? one.tasks.length : 0), 0);
  return { tookMs: performance.now() - from, pieces: found, tasks: count };
}

interface Load {
  tasks: number;
  tookMs: number;
  slowestMs: number;
}

/** Tasks that are submitted, assigned and finished, as fast as one call follows the other. */
async function load(goesOn: () => boolean): Promise<Load> {
  const from = performance.now();
  const result = { tasks: 0, tookMs: 0, slowestMs: 0 };
  while (goesOn()) {
    const some = ids(PER_ENTRY);
    for (const step of [submit, assign, finish]) {
      const before = performance.now();
      await apply(step(some, index + 1));
      result.slowestMs = Math.max(result.slowestMs, performance.now() - before);
    }
    result.tasks += PER_ENTRY;
  }
  result.tookMs = performance.now() - from;
  return result;
}

async function apply(kind: Command["kind"]): Promise<void> {
  index += 1;
  await applier.apply([{ index, term: 1, batch: { atMs, commands: [{ kind }] } }]);
}

function rate({ tasks: count, tookMs: ms }: Load): string {
  return `${Math.round((count / ms) * 1_000)} tasks/s`;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(2)} s`;
}

function submit(some: readonly string[]): Command["kind"] {
  return { $case: "submit", value: { tasks: some.map(definition) } };
}

function assign(some: readonly string[]): Command["kind"] {
  const assignments = some.map((taskId) => ({
    ...{ taskId, type: "process", queue: "default", priority: 5, sequence: 0, attempt: 1 },
    ...{ maxAttempts: 3, backoff: undefined, timeoutMs: 0, requires: [], losses: 0, lapses: 0 },
    ...{ runAtMs: atMs, deadlineAtMs: 0 },
  }));
  return { $case: "assign", value: { nodeId: "node-1", assignments } };
}

function finish(some: readonly string[], at: number): Command["kind"] {
  const outcomes = some.map((taskId) => ({
    ...{ taskId, fence: at - 1, startedAtMs: atMs, finishedAtMs: atMs + 5 },
    outcome: { $case: "completed" as const, value: '{"output":"Hello World"}' },
  }));
  return { $case: "finish", value: { outcomes } };
}

function definition(id: string): TaskDefinition {
  return {
    id,
    type: "process",
    data: JSON.stringify("x".repeat(200)),
    queue: "default",
    priority: 5,
    maxAttempts: 3,
    backoff: { type: BackoffType.EXPONENTIAL, delayMs: 1_000, maxMs: 60_000, jitter: 0.2 },
    timeoutMs: 0,
    requires: [],
    idempotencyKey: `key-${id}`,
    createdAtMs: atMs,
    runAtMs: atMs,
    traceparent: "",
    deadlineMs: 0,
    uniqueKey: "",
    after: [],
    onDependencyFailure: OnDependencyFailure.UNSPECIFIED,
    schedule: "",
  };
}
