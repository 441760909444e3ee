// `npm run torture -- --minutes N --seed S`: hurts a mesh of processes at random and reports whether it
// kept its promises.
import { parseArgs } from "node:util";
import { type Fault, FAULTS } from "./faults.js";
import { histories, HISTORY_FAULTS } from "./histories.js";
import { GROUP_FAULTS } from "./redis-faults.js";
import { torture } from "./torture.js";

/** Violations that are told; the rest is counted. */
const MAX_SHOWN = 10;

const USAGE =
  "npm run torture -- [--minutes N] [--seed S] [--nodes 1..5] [--rate tasks/s] [--faults a,b]\n" +
  "npm run torture -- --histories [--minutes N] [--runs N] [--clients 1..64] [--seed S] [--nodes 1..5]\n" +
  "  [--faults a,b]: what clients were told of each task is checked for linearizability\n" +
  `faults, all by default: ${FAULTS.join(", ")}\n` +
  `with one of ${GROUP_FAULTS.join(", ")} Redis is a group that sentinels watch`;

const { values } = readFlags();

function readFlags() {
  try {
    return parseArgs({
      options: {
        minutes: { type: "string", default: "2" },
        seed: { type: "string" },
        nodes: { type: "string", default: "3" },
        rate: { type: "string", default: "300" },
        faults: { type: "string" },
        histories: { type: "boolean", default: false },
        clients: { type: "string", default: "8" },
        runs: { type: "string", default: "1" },
        help: { type: "boolean", default: false },
      },
    });
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
}

/** A wrong flag gets a line and what there is, not a stack. */
function refuse(line: string): never {
  process.stderr.write(`${line}\n${USAGE}\n`);
  process.exit(2);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function number(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (value >= min && value <= max) return value;
  return refuse(`--${name} ${text}: give a number from ${min} to ${max}`);
}

function isFault(name: string): name is Fault {
  return (FAULTS as readonly string[]).includes(name);
}

function faultsOf(usual: readonly Fault[]): readonly Fault[] {
  const faults = values.faults?.split(",") ?? usual;
  const unknown = faults.find((name) => !isFault(name));
  if (unknown !== undefined) refuse(`--faults ${unknown}: there is none`);
  return faults.filter(isFault);
}

/** Runs with seeds that follow one another. */
async function checkHistories(): Promise<void> {
  const first = number("seed", values.seed ?? String(Date.now() % 2 ** 31), 0, 2 ** 32 - 1);
  const runs = number("runs", values.runs, 1, 10_000);
  const minutes = number("minutes", values.minutes, 0.1, 600);
  const nodes = number("nodes", values.nodes, 1, 5);
  const clients = number("clients", values.clients, 1, 64);
  const faults = faultsOf(HISTORY_FAULTS);
  let found = 0;
  for (let run = 0; run < runs; run += 1) {
    const seed = first + run;
    const durationMs = minutes * 60_000;
    const { violations, ...report } = await histories({
      ...{ seed, durationMs, nodes, clients, faults },
      say: () => undefined,
    });
    print(`seed ${seed}: ${JSON.stringify(report)}, ${violations.length} not linearizable`);
    for (const text of violations.slice(0, MAX_SHOWN)) print(`VIOLATION ${text}`);
    if (violations.length > 0) {
      const again = `--histories --seed ${seed} --minutes ${minutes} --nodes ${nodes} --clients ${clients}`;
      print(`again: npm run torture -- ${again} --faults ${faults.join()}`);
    }
    found += violations.length;
  }
  if (found > 0) process.exitCode = 1;
}

if (values.help) print(USAGE);
else if (values.histories) await checkHistories();
else {
  const seed = number("seed", values.seed ?? String(Date.now() % 4_294_967_296), 0, 2 ** 32 - 1);
  const nodes = number("nodes", values.nodes, 1, 5);
  const minutes = number("minutes", values.minutes, 0.1, 600);
  const rate = number("rate", values.rate, 1, 5_000);
  const faults = faultsOf(FAULTS);
  print(`seed ${seed}: ${nodes} nodes, ${minutes} minutes`);
  const begunMs = performance.now();
  const report = await torture({
    seed,
    nodes,
    durationMs: minutes * 60_000,
    perSecond: rate,
    faults,
    say: (line) => {
      print(`${((performance.now() - begunMs) / 1_000).toFixed(1).padStart(7)} s  ${line}`);
    },
  });
  print(JSON.stringify({ ...report, violations: report.violations.length }, undefined, 2));
  for (const { id, what } of report.violations.slice(0, MAX_SHOWN)) {
    print(`VIOLATION ${id}: ${what}`);
    for (const line of report.story(id)) print(`  ${line}`);
  }
  if (report.violations.length > 0) {
    const only = values.faults === undefined ? "" : ` --faults ${values.faults}`;
    const again = `--seed ${seed} --minutes ${minutes} --nodes ${nodes} --rate ${rate}${only}`;
    print(`again: npm run torture -- ${again}`);
    process.exitCode = 1;
  }
}
