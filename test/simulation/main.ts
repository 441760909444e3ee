// `npm run simulate -- --seeds N [--seed S] [--nodes N] [--trace]`: runs seeds one after another,
// and prints for each that fails what broke and the one command that replays it.
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { US_PER_S } from "./event-queue.js";
import { simulate, type SimulationResult } from "./simulation.js";

const USAGE = `npm run simulate -- [options]
  --seeds N   how many seeds to run (default 1000; 1 where only --seed is given)
  --seed S    the first seed; the others count up from it (default: a new one)
  --nodes N   voters in every cluster (default: the seed chooses, 1 to 7)
  --trace     print everything that happens
  --list      one line for each seed
  --keep-going N  stop after that many failing seeds (default 10)`;

const DEFAULT_SEEDS = 1_000;
const DEFAULT_MAX_FAILURES = 10;
const MAX_FIRST_SEED = 1_000_000_000;

interface Options {
  readonly seeds: number;
  readonly first: number;
  readonly nodes: number | undefined;
  readonly trace: boolean;
  readonly list: boolean;
  readonly maxFailures: number;
}

interface Totals {
  seeds: number;
  virtualUs: number;
  events: number;
  committed: number;
  operations: number;
  unknown: number;
  undecided: number;
  lastingCuts: number;
  readonly failed: Map<string, number[]>;
}

const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

const integer = (name: string, text: string | undefined): number | undefined => {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  return refuse(`--${name} must be a whole number, not "${text}"`);
};

/** A wrong flag gets a line and what there is, not a stack. */
function refuse(line: string): never {
  process.stderr.write(`${line}\n${USAGE}\n`);
  process.exit(2);
}

const readFlags = () => {
  try {
    return parseArgs({
      options: {
        seeds: { type: "string" },
        seed: { type: "string" },
        nodes: { type: "string" },
        trace: { type: "boolean", default: false },
        list: { type: "boolean", default: false },
        "keep-going": { type: "string" },
        help: { type: "boolean", default: false },
      },
    });
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
};

const readOptions = (): Options => {
  const { values } = readFlags();
  if (values.help) {
    print(USAGE);
    process.exit(0);
  }
  const seed = integer("seed", values.seed);
  return {
    seeds: integer("seeds", values.seeds) ?? (seed === undefined ? DEFAULT_SEEDS : 1),
    first: seed ?? randomInt(MAX_FIRST_SEED),
    nodes: integer("nodes", values.nodes),
    trace: values.trace,
    list: values.list,
    maxFailures: integer("keep-going", values["keep-going"]) ?? DEFAULT_MAX_FAILURES,
  };
};

const replayCommand = (seed: number, nodes: number | undefined): string =>
  `npm run simulate -- --seed ${seed}${nodes === undefined ? "" : ` --nodes ${nodes}`} --trace`;

const runSeed = (seed: number, options: Options): SimulationResult =>
  simulate({
    seed,
    ...(options.nodes === undefined ? {} : { nodes: options.nodes }),
    ...(options.trace ? { onLine: print } : {}),
  });

const note = (totals: Totals, result: SimulationResult): void => {
  totals.seeds += 1;
  totals.virtualUs += result.virtualUs;
  totals.events += result.events;
  totals.committed += result.committed;
  totals.operations += result.operations;
  totals.unknown += result.unknownOperations;
  totals.undecided += result.undecided;
  if (result.hadLastingCuts) totals.lastingCuts += 1;
  if (result.violation === undefined) return;
  const { rule } = result.violation;
  totals.failed.set(rule, [...(totals.failed.get(rule) ?? []), result.seed]);
};

const report = (totals: Totals, wallMs: number): void => {
  const virtualS = totals.virtualUs / US_PER_S;
  const perSecond = Math.round((virtualS / wallMs) * 1_000);
  print(
    `${totals.seeds} seeds, ${Math.round(virtualS)} virtual seconds in ${(wallMs / 1_000).toFixed(1)} s ` +
      `(${perSecond} per second), ${totals.events} events, ${totals.committed} entries committed, ` +
      `${totals.operations} client operations (${totals.unknown} of unknown outcome)`,
  );
  print(`${totals.lastingCuts} seeds had a leader that stays while some links are down for good`);
  if (totals.undecided > 0) print(`${totals.undecided} histories were too hard to decide`);
  for (const [rule, seeds] of totals.failed) print(`broken: ${rule} in seeds ${seeds.join(", ")}`);
};

const main = (): void => {
  const options = readOptions();
  const totals: Totals = {
    seeds: 0,
    virtualUs: 0,
    events: 0,
    committed: 0,
    operations: 0,
    unknown: 0,
    undecided: 0,
    lastingCuts: 0,
    failed: new Map(),
  };
  print(`seeds ${options.first} to ${options.first + options.seeds - 1}`);
  const begun = performance.now();
  let failures = 0;
  for (let seed = options.first; seed < options.first + options.seeds; seed += 1) {
    const result = runSeed(seed, options);
    note(totals, result);
    if (options.list) {
      const { violation, traceHash, committed, operations } = result;
      const verdict = violation === undefined ? "holds" : violation.rule;
      print(`${seed} ${traceHash} ${committed} committed, ${operations} operations, ${verdict}`);
    }
    if (result.undecided > 0) print(`seed ${seed}: a history is too hard to decide`);
    if (result.violation === undefined) continue;
    failures += 1;
    print(`seed ${seed} breaks ${result.violation.message}`);
    if (options.trace) print(result.violation.stack ?? "");
    if (options.trace && result.violation.cause instanceof Error) {
      print(result.violation.cause.stack ?? "");
    }
    print(`  replay: ${replayCommand(seed, options.nodes)}`);
    if (failures >= options.maxFailures) break;
  }
  report(totals, performance.now() - begun);
  process.exitCode = failures > 0 ? 1 : 0;
};

main();
