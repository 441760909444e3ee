// What a backlog costs: memory of each node, rate of submission and time of reads with nothing pending
// and with a million tasks pending. npm run bench -- backlog. BENCH_TASKS names another backlog.
import { setTimeout as pause } from "node:timers/promises";
import { MeshProcess } from "../test/support/mesh-process.js";
import { waitFor } from "../test/support/wait-for.js";
import { residentMemory } from "./process-memory.js";

const TASKS = Number(process.env["BENCH_TASKS"] ?? 1_000_000);
const BATCH_ITEMS = 1_000;
const CONNECTIONS = 4;
const WARM_UP_TASKS = 50_000;
const MEASURED_TASKS = 100_000;
const READS = 50;

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

const mesh = await MeshProcess.start({ config: { log: { level: "warn", format: "json" } } });
try {
  await mesh.whole();
  await fillSlots();
  say(`memory at rest: ${memory()}`);
  await submit(WARM_UP_TASKS);
  const empty = await submit(MEASURED_TASKS);
  say(`with no more than ${pendingWord(WARM_UP_TASKS + MEASURED_TASKS)}: ${rate(empty)}`);
  await reads();
  let pending = WARM_UP_TASKS + MEASURED_TASKS;
  while (pending < TASKS) {
    const step = Math.min(MEASURED_TASKS, TASKS - pending);
    await submit(step);
    pending += step;
    say(`${pendingWord(pending)}: ${memory()}`);
  }
  const full = await submit(MEASURED_TASKS);
  say(`with ${pendingWord(pending)}: ${rate(full)}, ${(full / empty).toFixed(2)} of the first`);
  await reads();
  await pause(10_000);
  say(`memory after 10 s of rest: ${memory()}`);
} finally {
  await mesh.close();
}

/** Long tasks take every slot, so that what comes after them stays pending. */
async function fillSlots(): Promise<void> {
  const slots = (await mesh.http.workers()).reduce((sum, { concurrency }) => sum + concurrency, 0);
  const sleepers = Array.from({ length: slots }, () => ({
    type: "sleep",
    data: { ms: 3_600_000 },
    priority: "high",
  }));
  await mesh.http.call("POST", "/tasks/batch", sleepers);
  await waitFor("every slot is taken", async () => {
    const workers = await mesh.http.workers();
    return workers.every(({ running, concurrency }) => running === concurrency);
  });
}

/** Submits tasks over several connections; returns how many a second. */
async function submit(tasks: number): Promise<number> {
  const items = Array.from({ length: BATCH_ITEMS }, () => ({ type: "process", data: "Hello" }));
  const body = JSON.stringify(items);
  let left = tasks;
  const startedMs = performance.now();
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      while (left > 0) {
        left -= BATCH_ITEMS;
        await submitBatch(body);
      }
    }),
  );
  return tasks / ((performance.now() - startedMs) / 1_000);
}

/** A mesh that is asked to slow down is asked again. */
async function submitBatch(body: string): Promise<void> {
  for (;;) {
    const answer = await fetch(`${mesh.http.url}/tasks/batch`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
    });
    const text = await answer.text();
    if (answer.status === 200) return;
    const waitS = Number(answer.headers.get("retry-after") ?? Number.NaN);
    if (!Number.isFinite(waitS)) throw new Error(`answered ${answer.status}: ${text}`);
    await pause(waitS * 1_000);
  }
}

async function reads(): Promise<void> {
  for (const path of ["/tasks", "/tasks?status=pending&limit=100", "/queues"]) {
    const times: number[] = [];
    for (let count = 0; count < READS; count += 1) {
      const startedMs = performance.now();
      await (await fetch(`${mesh.http.url}${path}`)).text();
      times.push(performance.now() - startedMs);
    }
    times.sort((a, b) => a - b);
    const [median, worst] = [times[READS / 2] ?? 0, times.at(-1) ?? 0];
    say(`  GET ${path}: median ${median.toFixed(1)} ms, worst ${worst.toFixed(1)} ms`);
  }
}

/** Resident memory of every process, in MB; of nodes also the most that it ever was. */
function memory(): string {
  const nodes = mesh.nodeIds.map((id) => {
    const { now, peak } = residentMemory(mesh.nodePid(id));
    return `${id} ${now} (at most ${peak})`;
  });
  return `${nodes.join(", ")}, Redis ${residentMemory(mesh.redis().pid).now} MB`;
}

function rate(perSecond: number): string {
  return `${Math.round(perSecond).toLocaleString("en")} submissions/s`;
}

function pendingWord(tasks: number): string {
  return `${tasks.toLocaleString("en")} pending`;
}
