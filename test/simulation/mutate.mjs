// `npm run mutate`: puts each deliberate bug of mutations.ts into a copy of the core, and demands
// that the simulator convicts it within 500 seeds, or else that the core's own tests fail.
import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { clearTimeout, setTimeout } from "node:timers";
import { stripVTControlCharacters } from "node:util";
import { compile, remove } from "./compile.mjs";

/** @typedef {import("./mutation.js").Mutation} Mutation */

const TOP = fileURLToPath(new URL("../..", import.meta.url));
const SEEDS = 500;
const FIRST_SEED = 1;
const TIMEOUT_MS = 120_000;

/** @param {string} line */
const print = (line) => process.stdout.write(`${line}\n`);

/**
 * Source text of the mutated file. Throws where the list no longer fits the core.
 *
 * @param {Mutation} mutation
 */
const mutate = ({ file, bug, replace, by }) => {
  const source = readFileSync(join(TOP, file), "utf8");
  const pieces = source.split(replace);
  if (pieces.length !== 2) {
    const count = pieces.length - 1;
    throw new Error(
      `the list of mutations is stale: "${bug}" fits ${count} places of ${file}, not one`,
    );
  }
  return pieces.join(by);
};

/**
 * Runs Node.js to its end, or to the timeout: then it and all that it started is killed, and the code
 * is null.
 *
 * @param {readonly string[]} args
 * @param {string} cwd
 * @returns {Promise<{ code: number | null; output: string }>}
 */
const run = (args, cwd) =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, args, { cwd, detached: true });
    const kill = () => process.kill(-Number(child.pid), "SIGKILL");
    const timer = setTimeout(kill, TIMEOUT_MS);
    process.once("exit", kill);
    let output = "";
    /** @param {Buffer} chunk */
    const collect = (chunk) => {
      output += chunk.toString();
    };
    child.stdout.on("data", collect);
    child.stderr.on("data", collect);
    child.on("close", (code) => {
      clearTimeout(timer);
      process.off("exit", kill);
      resolve({ code, output });
    });
  });

/**
 * What the simulator says; undefined where it finds nothing.
 *
 * @param {Mutation} mutation
 * @param {string} source
 */
const simulate = async ({ file, bug }, source) => {
  const folder = compile(new Map([[file, source]]));
  try {
    const main = join(folder, "test/simulation/main.js");
    const args = [
      main,
      "--seeds",
      String(SEEDS),
      "--seed",
      String(FIRST_SEED),
      "--keep-going",
      "1",
    ];
    const { code, output } = await run(args, folder);
    if (code === 0) return undefined;
    const found = /seed (\d+) breaks (.*)/.exec(output);
    if (code === null) return "simulator: never ends";
    if (found === null || /is not (defined|a function)/.test(output)) {
      throw new Error(`"${bug}" does not run:\n${output.slice(-2_000)}`);
    }
    const seeds = Number(found[1]) - FIRST_SEED + 1;
    return `simulator, seed ${seeds}: ${found[2]?.split(":")[0] ?? ""}`;
  } finally {
    remove(folder);
  }
};

/**
 * Runs the core's tests on a copy of it; undefined where they pass.
 *
 * @param {string} file
 * @param {string} source
 */
const test = async (file, source) => {
  const folder = mkdtempSync(join(tmpdir(), "taskmesh-mutation-"));
  try {
    for (const part of ["package.json", "src/raft/core", "test/raft/core", "test/support"]) {
      cpSync(join(TOP, part), join(folder, part), { recursive: true });
    }
    symlinkSync(join(TOP, "node_modules"), join(folder, "node_modules"));
    writeFileSync(join(folder, file), source);
    const vitest = join(TOP, "node_modules/vitest/vitest.mjs");
    const { code, output } = await run([vitest, "run", "--root", folder, "test/raft/core"], folder);
    if (code === 0) return undefined;
    if (code === null) return "tests: never end";
    const failed = /Tests\s+(\d+) failed/.exec(stripVTControlCharacters(output))?.[1];
    if (failed === undefined) throw new Error(`no test ran:\n${output.slice(-2_000)}`);
    return `tests: ${failed} fail`;
  } finally {
    remove(folder);
  }
};

/** @param {Mutation} mutation */
const judge = async (mutation) => {
  const source = mutate(mutation);
  const verdict = (await simulate(mutation, source)) ?? (await test(mutation.file, source));
  print(`${verdict === undefined ? "SURVIVES" : "caught  "}  ${mutation.bug} (${mutation.file})`);
  if (verdict !== undefined) print(`            ${verdict}`);
  return verdict !== undefined;
};

const main = async () => {
  const folder = compile();
  const { MUTATIONS } = await import(
    pathToFileURL(join(folder, "test/simulation/mutations.js")).href
  );
  remove(folder);
  /** @type {readonly Mutation[]} */
  const wanted = MUTATIONS.filter(
    (/** @type {Mutation} */ { bug, file }) =>
      process.argv.length < 3 ||
      process.argv.slice(2).some((word) => `${file} ${bug}`.includes(word)),
  );
  for (const mutation of wanted) mutate(mutation);
  const [first] = wanted;
  if (first === undefined) throw new Error("no mutation fits what was asked for");
  const failure = await test(first.file, readFileSync(join(TOP, first.file), "utf8"));
  if (failure !== undefined) throw new Error(`the core's tests fail without a bug: ${failure}`);
  const waiting = [...wanted];
  let caught = 0;
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      if (await judge(next)) caught += 1;
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  print(`${caught} of ${wanted.length} deliberate bugs caught`);
  process.exitCode = caught === wanted.length ? 0 : 1;
};

process.on("SIGINT", () => process.exit(130));
await main();
