// What it costs to hand a task over to a handler host and to take its end back, in processor time of
// all processes, beside running it in the node's own thread.
// Run: node bench/run.mjs handler-host (after npm run setup)
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Executor } from "../src/worker/executor.js";
import { NOWHERE } from "../src/worker/handler-place.js";
import { createHandlerRegistry, type RegisteredType } from "../src/worker/handler-registry.js";
import { HostSupervisor } from "../src/worker/supervision/host-supervisor.js";

const TASKS = 100_000;
const SLOTS = 100;
const RUNS = 5;
const DATA = JSON.stringify({ to: "someone@example.org", subject: "hello" });
const SOURCE = `
export default {
  noop: (task) => ({ to: task.data.to }),
  usage: () => { const { user, system } = process.cpuUsage(); return user + system; },
};
`;

type Place = "node" | "thread" | "process";

const folder = mkdtempSync(path.join(tmpdir(), "taskmesh-bench-"));
const userModule = path.join(folder, "handlers.mjs");
writeFileSync(userModule, SOURCE);

const silent = { info: () => undefined, warn: () => undefined } as never;

async function hostFor(place: Place): Promise<HostSupervisor | undefined> {
  if (place === "node") return undefined;
  return HostSupervisor.start({
    isolation: place,
    userModule,
    heapMb: 512,
    beatMs: 150,
    maxBlockMs: 10_000,
    abortGraceMs: 1_000,
    logger: silent,
  });
}

class Bench {
  readonly #executor: Executor;
  readonly #place: Place;
  #fence = 0;
  #onReport: (value: string) => void = () => undefined;

  constructor(place: Place, host: HostSupervisor | undefined) {
    this.#place = place;
    const noop: RegisteredType = {
      place: "node",
      handler: ({ data }) => ({ to: (data as { readonly to: string }).to }),
    };
    const hosted: RegisteredType = { place: "host" };
    this.#executor = new Executor({
      slots: SLOTS,
      handlers: createHandlerRegistry(
        new Map([
          ["noop", host === undefined ? noop : hosted],
          ["usage", hosted],
        ]),
      ),
      places: { thread: NOWHERE, host: host ?? NOWHERE },
      report: ({ outcome }) => {
        if (outcome?.$case !== "result") throw new Error(JSON.stringify(outcome));
        this.#onReport(outcome.value);
      },
    });
  }

  /** Microseconds of processor time for each task. */
  async costUs(): Promise<number> {
    const before = await this.#usedUs();
    await new Promise<void>((resolve) => {
      let started = 0;
      let ended = 0;
      this.#onReport = () => {
        ended += 1;
        if (started < TASKS) this.#start("noop", (started += 1));
        if (ended === TASKS) resolve();
      };
      while (started < SLOTS) this.#start("noop", (started += 1));
    });
    return ((await this.#usedUs()) - before) / TASKS;
  }

  stop(): Promise<void> {
    return this.#executor.stop(0);
  }

  #start(type: string, id: number): void {
    this.#fence += 1;
    this.#executor.run({
      taskId: `01J0000000000000000${id}`,
      fence: this.#fence,
      type,
      dataJson: DATA,
      attempt: 1,
      timeoutMs: 0,
      queue: "default",
      priority: 5,
    });
  }

  /** Of this process with its threads, and of the host's where that is another. */
  async #usedUs(): Promise<number> {
    const { user, system } = process.cpuUsage();
    if (this.#place !== "process") return user + system;
    const child = await new Promise<string>((resolve) => {
      this.#onReport = resolve;
      this.#start("usage", 0);
    });
    return user + system + Number(child);
  }
}

for (const place of ["node", "thread", "process"] as const) {
  const bench = new Bench(place, await hostFor(place));
  const runs: number[] = [];
  for (let run = 0; run < RUNS; run += 1) runs.push(await bench.costUs());
  await bench.stop();
  // The quickest: what else the machine does only ever adds.
  process.stdout.write(`${place.padEnd(8)} ${Math.min(...runs).toFixed(1)} µs a task\n`);
}
rmSync(folder, { recursive: true, force: true });
