// A mesh of five nodes, then one of twenty, each node a process: who votes, how tasks spread, and what
// a node weighs while it has nothing to do. npm run bench -- many-nodes. BENCH_NODES names other sizes.
import { setTimeout as pause } from "node:timers/promises";
import { MeshProcess } from "../test/support/mesh-process.js";
import { waitFor } from "../test/support/wait-for.js";
import { residentMemory } from "./process-memory.js";

const SIZES = (process.env["BENCH_NODES"] ?? "5,20").split(",").map(Number);
const IDLE_MS = 20_000;
const TASKS_PER_NODE = 200;
const TASK_MS = 50;
const PATIENCE_MS = 120_000;

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

for (const nodes of SIZES) await measure(nodes);

async function measure(nodes: number): Promise<void> {
  const startedMs = performance.now();
  const mesh = await MeshProcess.start({
    nodes,
    config: { log: { level: "warn", format: "json" } },
  });
  try {
    await mesh.whole();
    await waitFor("every node is a member", async () => {
      return (await mesh.http.cluster()).members.length === nodes;
    });
    say(`${nodes} nodes take work ${seconds(performance.now() - startedMs)} s after the start`);
    const { members } = await mesh.http.cluster();
    const voters = members.filter(({ voter }) => voter).length;
    say(`  ${voters} voters, ${members.length - voters} learners`);
    await pause(IDLE_MS);
    const idle = mesh.nodeIds.map((id) => residentMemory(mesh.nodePid(id)).now);
    say(`  idle for ${IDLE_MS / 1_000} s, a node takes ${spread(idle)} MB`);
    const tasks = nodes * TASKS_PER_NODE;
    const busyMs = await run(mesh, tasks);
    const completed = (await mesh.http.workers()).map((worker) => worker.completed);
    say(
      `  ${tasks} tasks of ${TASK_MS} ms took ${seconds(busyMs)} s; a node ran ${spread(completed)}`,
    );
  } finally {
    await mesh.close();
  }
}

/** Runs so many tasks; returns how long that took. */
async function run(mesh: MeshProcess, tasks: number): Promise<number> {
  const items = Array.from({ length: tasks }, () => ({ type: "sleep", data: { ms: TASK_MS } }));
  const startedMs = performance.now();
  await mesh.http.expectOk("POST", "/tasks/batch", items);
  await waitFor(
    "all have completed",
    async () => (await mesh.http.counts()).completed === tasks,
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
