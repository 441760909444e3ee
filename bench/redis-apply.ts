// What applying the log costs: CPU of Redis and of this process per task, for each command.
// Run with the URL of a Redis that may be emptied: REDIS_URL=redis://… node bench/run.mjs redis-apply
import { cpuUsage } from "node:process";
import { Redis } from "ioredis";
import type { Command } from "../src/gen/mesh/v1/command.js";
import { BackoffType, OnDependencyFailure, type TaskDefinition } from "../src/gen/mesh/v1/task.js";
import { RedisApplier } from "../src/queue/redis/applier.js";
import { RedisKeys } from "../src/queue/redis/keys.js";

const TASKS = Number(process.env["BENCH_TASKS"] ?? 40_000);
const PER_ENTRY = Number(process.env["BENCH_PER_ENTRY"] ?? 100);
/** Entries handed to `apply` at a time. */
const ENTRIES_PER_APPLY = Number(process.env["BENCH_ENTRIES_PER_APPLY"] ?? 1);

const url = process.env["REDIS_URL"];
if (url === undefined) throw new Error("REDIS_URL names the Redis to measure; its data is removed");
const redis = new Redis(url, { protocol: 2 });
await redis.flushall();
const applier = new RedisApplier({ redis, keys: new RedisKeys("bench") });
const atMs = Date.now();
let index = 0;

const ids = Array.from({ length: TASKS }, (_, i) => `01JBENCH${String(i).padStart(18, "0")}`);
const groups = Array.from({ length: Math.ceil(TASKS / PER_ENTRY) }, (_, i) =>
  ids.slice(i * PER_ENTRY, (i + 1) * PER_ENTRY),
);
const fenceOf = new Map<string, number>();
const rows: Record<string, string>[] = [];

await measure("submit", (group) => ({ $case: "submit", value: { tasks: group.map(definition) } }));
await measure("assign", (group, at) => {
  for (const id of group) fenceOf.set(id, at);
  return { $case: "assign", value: { nodeId: "node-1", assignments: group.map(assignment) } };
});
await measure("finish", (group) => ({
  $case: "finish",
  value: { outcomes: group.map(completed) },
}));
process.stdout.write(
  `${TASKS} tasks, ${PER_ENTRY} to an entry, ${ENTRIES_PER_APPLY} entries to a call\n`,
);
process.stdout.write(
  rows
    .map((row) =>
      Object.values(row)
        .map((cell) => cell.padStart(16))
        .join(""),
    )
    .join("\n") + "\n",
);
const memory = /used_memory:(\d+)/.exec(await redis.info("memory"))?.[1];
process.stdout.write(
  `${Math.round(Number(memory) / TASKS)} bytes of Redis memory per finished task\n`,
);
redis.disconnect();

async function measure(
  name: string,
  commandOf: (group: readonly string[], index: number) => Command["kind"],
): Promise<void> {
  const entries = groups.map((group) => {
    index += 1;
    return { index, term: 1, batch: { atMs, commands: [{ kind: commandOf(group, index) }] } };
  });
  const redisBefore = await redisCpuUs();
  const nodeBefore = cpuUsage();
  const started = performance.now();
  for (let i = 0; i < entries.length; i += ENTRIES_PER_APPLY) {
    await applier.apply(entries.slice(i, i + ENTRIES_PER_APPLY));
  }
  const wallUs = (performance.now() - started) * 1_000;
  const node = cpuUsage(nodeBefore);
  const redisUs = (await redisCpuUs()) - redisBefore;
  rows.push({
    name,
    redis: `${(redisUs / TASKS).toFixed(2)} us redis`,
    node: `${((node.user + node.system) / TASKS).toFixed(2)} us node`,
    wall: `${(wallUs / TASKS).toFixed(2)} us wall`,
  });
}

async function redisCpuUs(): Promise<number> {
  const info = await redis.info("cpu");
  const seconds = ["used_cpu_sys_main_thread", "used_cpu_user_main_thread"].map((field) =>
    Number(new RegExp(`${field}:([0-9.]+)`).exec(info)?.[1]),
  );
  return seconds.reduce((sum, value) => sum + value, 0) * 1_000_000;
}

function definition(id: string): TaskDefinition {
  return {
    id,
    type: "process",
    data: '"Hello World"',
    queue: "default",
    priority: 5,
    maxAttempts: 3,
    backoff: { type: BackoffType.EXPONENTIAL, delayMs: 1_000, maxMs: 60_000, jitter: 0.2 },
    timeoutMs: 0,
    requires: [],
    idempotencyKey: "",
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

function assignment(id: string) {
  return {
    taskId: id,
    type: "process",
    queue: "default",
    priority: 5,
    sequence: 0,
    attempt: 1,
    maxAttempts: 3,
    backoff: undefined,
    timeoutMs: 0,
    requires: [],
    losses: 0,
    lapses: 0,
    runAtMs: atMs,
    deadlineAtMs: 0,
  };
}

function completed(id: string) {
  return {
    taskId: id,
    fence: fenceOf.get(id) ?? 0,
    startedAtMs: atMs,
    finishedAtMs: atMs + 5,
    outcome: { $case: "completed" as const, value: '{"output":"Hello World"}' },
  };
}
