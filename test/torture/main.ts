// `npm run torture -- --minutes N --seed S`: hurts a mesh of processes at random and reports whether it
// kept its promises.
import { parseArgs } from "node:util";
import { type Fault, FAULTS } from "./faults.js";
import { GROUP_FAULTS } from "./redis-faults.js";
import { torture } from "./torture.js";

/** Violations that are told; the rest is counted. */
const MAX_SHOWN = 10;

const USAGE =
  "npm run torture -- [--minutes N] [--seed S] [--nodes 1..5] [--rate tasks/s] [--faults a,b]\n" +
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

if (values.help) print(USAGE);
else {
  const seed = number("seed", values.seed ?? String(Date.now() % 4_294_967_296), 0, 2 ** 32 - 1);
  const nodes = number("nodes", values.nodes, 1, 5);
  const minutes = number("minutes", values.minutes, 0.1, 600);
  const rate = number("rate", values.rate, 1, 5_000);
  const faults = values.faults?.split(",") ?? FAULTS;
  const unknown = faults.find((name) => !isFault(name));
  if (unknown !== undefined) refuse(`--faults ${unknown}: there is none`);
  print(`seed ${seed}: ${nodes} nodes, ${minutes} minutes`);
  const begunMs = performance.now();
  const report = await torture({
    seed,
    nodes,
    durationMs: minutes * 60_000,
    perSecond: rate,
    faults: faults.filter(isFault),
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
