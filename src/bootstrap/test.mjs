// The command `npm test`: sets up what is missing, checks the house, then runs every test. All checks
// run even where one fails; the last line says how it went.
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runTool } from "./run-tool.mjs";
import { packageRoot, printSetupError, setup } from "./setup.mjs";

/**
 * @typedef {{ name: string, script: string, args: readonly string[] }} Check
 * @typedef {{ passed: number, failed: number, skipped: number }} Figures
 */

const BUF = "node_modules/@bufbuild/buf/bin/buf";

/** @type {readonly Check[]} */
const CHECKS = [
  {
    name: "types",
    script: "node_modules/typescript/bin/tsc",
    args: [
      "-p",
      "tsconfig.json",
      "--noEmit",
      "--incremental",
      "--tsBuildInfoFile",
      "dist/check.tsbuildinfo",
    ],
  },
  { name: "lint", script: "node_modules/eslint/bin/eslint.js", args: [".", "--max-warnings=0"] },
  {
    name: "format",
    script: "node_modules/prettier/bin/prettier.cjs",
    args: ["--check", "--log-level=warn", "."],
  },
  {
    name: "import directions",
    script: "node_modules/dependency-cruiser/bin/dependency-cruise.mjs",
    args: ["--config", ".dependency-cruiser.cjs", "--output-type", "err", "src"],
  },
  { name: "wire format", script: BUF, args: ["lint"] },
];

/** @type {Check} */
const BREAKING = {
  name: "wire compatible with main",
  script: BUF,
  args: ["breaking", "--against", ".git#branch=main"],
};

/** As many as there are cores in the smallest machine this is meant for. */
const CHECKS_AT_A_TIME = 2;

/** @type {Figures} */
const figures = { passed: 0, failed: 0, skipped: 0 };

try {
  await setup();
  const redisServer = await provideRedis();
  await runChecks([...CHECKS, ...((await canCompareWithMain()) ? [BREAKING] : [])]);
  await runTests(process.argv.slice(2), redisServer);
} catch (error) {
  figures.failed += 1;
  printSetupError(error);
}
console.log(
  `${String(figures.passed)} passed, ${String(figures.failed)} failed, ${String(figures.skipped)} skipped`,
);
process.exitCode = figures.failed > 0 ? 1 : 0;

/** @param {readonly Check[]} checks */
async function runChecks(checks) {
  const waiting = [...checks];
  const worker = async () => {
    for (let check = waiting.shift(); check !== undefined; check = waiting.shift()) {
      const result = await runTool(process.execPath, [check.script, ...check.args], {
        cwd: packageRoot,
      });
      figures[result.ok ? "passed" : "failed"] += 1;
      const seconds = (result.durationMs / 1_000).toFixed(1);
      console.log(`${result.ok ? "ok    " : "FAILED"}  ${check.name} (${seconds} s)`);
      if (!result.ok) console.log(result.output === "" ? result.exit : result.output);
    }
  };
  await Promise.all(Array.from({ length: CHECKS_AT_A_TIME }, worker));
}

/**
 * Runs vitest for people, with a reporter besides that writes the figures down.
 * @param {readonly string[]} args
 * @param {string | undefined} redisServer
 */
async function runTests(args, redisServer) {
  const folder = mkdtempSync(join(tmpdir(), "taskmesh-test-"));
  const figuresFile = join(folder, "figures.json");
  const reporters = ["--reporter=default", "--reporter=./src/bootstrap/figures-reporter.mjs"];
  const result = await runTool(
    process.execPath,
    ["node_modules/vitest/vitest.mjs", "run", ...reporters, ...args],
    {
      cwd: packageRoot,
      show: true,
      env: {
        ...process.env,
        TASKMESH_FIGURES_FILE: figuresFile,
        ...(redisServer === undefined ? {} : { TASKMESH_REDIS_SERVER: redisServer }),
      },
    },
  );
  const told = readFigures(figuresFile);
  rmSync(folder, { recursive: true, force: true });
  figures.passed += told?.passed ?? 0;
  figures.failed += told?.failed ?? 0;
  figures.skipped += told?.skipped.length ?? 0;
  // A run that ended badly without a failed test is a failure of its own.
  if (!result.ok && (told === undefined || told.failed === 0)) figures.failed += 1;
  for (const test of told?.skipped ?? []) {
    // A filter on the command line skips tests, too; only a whole run is held to give reasons.
    if (test.reason !== "") console.log(`skipped  ${test.name}: ${test.reason}`);
    else if (args.length === 0) {
      console.log(`FAILED  ${test.name} is skipped and names no missing tool`);
      figures.failed += 1;
    }
  }
}

/**
 * @param {string} file
 * @returns {{ passed: number, failed: number, skipped: { name: string, reason: string }[] } | undefined}
 */
function readFigures(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}

// The built CLI knows how to find a Redis server and how to have one installed.
async function provideRedis() {
  const module = new URL("../../dist/cli/redis-server.js", import.meta.url);
  const { ensureRedisServer } = await import(module.href);
  try {
    /** @type {string} */
    const program = await ensureRedisServer((/** @type {string} */ line) =>
      console.error(`taskmesh: ${line}`),
    );
    return program;
  } catch (error) {
    // The tests that need it fail or are skipped by name; the others can still tell something.
    console.error(`taskmesh: ${error instanceof Error ? error.message : String(error)}`);
    figures.failed += 1;
    return undefined;
  }
}

// A shallow clone, an export or a worktree has no main to compare with.
async function canCompareWithMain() {
  try {
    if (!statSync(join(packageRoot, ".git")).isDirectory()) return false;
  } catch {
    return false;
  }
  const git = (/** @type {string[]} */ ...args) => runTool("git", args, { cwd: packageRoot });
  const shallow = await git("rev-parse", "--is-shallow-repository");
  if (shallow.output !== "false") return false;
  return (await git("cat-file", "-e", "main:buf.yaml")).ok;
}
