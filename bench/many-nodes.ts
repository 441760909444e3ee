// A mesh of five nodes that grows to twenty, each node a process: who votes, how tasks spread, and what
// a node weighs while it has nothing to do: fails where that is too much.
// npm run bench -- many-nodes. BENCH_NODES names other sizes.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { heapFlags } from "../src/cli/mesh-launcher.js";
import { configSchema } from "../src/config/schema.js";
import { cliEntry, plainEnvironment } from "../test/cli/built-cli.js";
import { freePorts } from "../test/support/free-ports.js";
import { MeshProcess } from "../test/support/mesh-process.js";
import { waitFor } from "../test/support/wait-for.js";
import { residentMemory } from "./process-memory.js";

const [FIRST = 5, ...LATER] = (process.env["BENCH_NODES"] ?? "5,20").split(",").map(Number);
/** Nodes that start at the same time. */
const AT_A_TIME = 3;
const IDLE_MS = 20_000;
/** What every idle node is to stay under; past it the benchmark fails. */
const IDLE_LIMIT_MB = 120;
const TASKS_PER_NODE = 200;
const TASK_MS = 50;
const PATIENCE_MS = 120_000;

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

const mesh = await MeshProcess.start({
  nodes: FIRST,
  config: { log: { level: "error", format: "json" } },
});
const joined: ChildProcess[] = [];
try {
  await activeNodes(FIRST);
  await measure(FIRST);
  for (const size of LATER) {
    await grow(size);
    await measure(size);
  }
} finally {
  await Promise.all(joined.map(end));
  await mesh.close();
}

async function grow(size: number): Promise<void> {
  const startedMs = performance.now();
  const had = FIRST + joined.length;
  const ports = await freePorts(size - had);
  for (let first = 0; first < ports.length; first += AT_A_TIME) {
    const group = ports.slice(first, first + AT_A_TIME);
    group.forEach((port, at) => joined.push(start(`n${had + first + at + 1}`, port)));
    await activeNodes(had + first + group.length);
  }
  say(`from ${had} to ${size} nodes in ${seconds(performance.now() - startedMs)} s`);
}

function start(id: string, port: number): ChildProcess {
  const args = ["node", "--id", id, "--port", String(port), "--config", mesh.configFile];
  return spawn(
    process.execPath,
    [...heapFlags(configSchema.parse({}).nodes.heapMb), cliEntry, ...args],
    {
      cwd: mesh.folder,
      env: plainEnvironment({ REDIS_URL: mesh.redis().url }),
      stdio: "ignore",
    },
  );
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  await ended;
}

/** So many nodes are members, and take work. */
async function activeNodes(count: number): Promise<void> {
  await waitFor(
    `${count} nodes take work`,
    async () => {
      const active = (await mesh.http.workers()).filter(({ state }) => state === "active");
      const { members } = await mesh.http.cluster();
      return active.length === count && members.length === count;
    },
    PATIENCE_MS,
  );
}

async function measure(nodes: number): Promise<void> {
  const { members } = await mesh.http.cluster();
  const voters = members.filter(({ voter }) => voter).length;
  say(`${nodes} nodes: ${voters} voters, ${members.length - voters} learners`);
  await pause(IDLE_MS);
  const before = await mesh.http.workers();
  const idle = before.map(({ pid }) => residentMemory(pid).now);
  const heavy = idle.filter((megabytes) => megabytes >= IDLE_LIMIT_MB).length;
  const verdict = heavy === 0 ? "all are" : `${heavy} ARE NOT`;
  say(
    `  idle for ${IDLE_MS / 1_000} s, a node takes ${spread(idle)} MB; under ${IDLE_LIMIT_MB} MB: ${verdict}`,
  );
  if (heavy > 0) process.exitCode = 1;
  const tasks = nodes * TASKS_PER_NODE;
  const busyMs = await run(tasks);
  const completed = (await mesh.http.workers()).map((worker) => {
    return worker.completed - (before.find(({ id }) => id === worker.id)?.completed ?? 0);
  });
  say(
    `  ${tasks} tasks of ${TASK_MS} ms took ${seconds(busyMs)} s; a node ran ${spread(completed)}`,
  );
}

/** Runs so many tasks; returns how long that took. */
async function run(tasks: number): Promise<number> {
  const items = Array.from({ length: tasks }, () => ({ type: "sleep", data: { ms: TASK_MS } }));
  const before = (await mesh.http.counts()).completed;
  const startedMs = performance.now();
  await mesh.http.expectOk("POST", "/tasks/batch", items);
  await waitFor(
    "all have completed",
    async () => (await mesh.http.counts()).completed === before + tasks,
    PATIENCE_MS,
  );
  return performance.now() - startedMs;
}

function spread(values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted[Math.floor(sorted.length / 2)];
  return `${sorted[0] ?? 0} to ${sorted.at(-1) ?? 0} (median ${middle ?? 0})`;
}

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(1);
}
