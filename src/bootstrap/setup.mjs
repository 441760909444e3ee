// Makes a fresh clone ready to run: packages, generated code, build. Each step is done only where
// its inputs have changed, and two processes in one clone take turns. Plain Node, because it runs
// before there are packages.
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { describeHolder, waitForLock } from "./process-lock.mjs";
import { runTool } from "./run-tool.mjs";

/** Folder of the package. */
export const packageRoot = fileURLToPath(new URL("../..", import.meta.url));

const OLDEST_NODE = [20, 20];

/** Thrown when a step fails; `output` is what its tool said. */
export class SetupError extends Error {
  /** @override */
  name = "SetupError";
  /**
   * @param {string} message
   * @param {string} [output]
   */
  constructor(message, output = "") {
    super(message);
    this.output = output;
  }
}

/**
 * Does what is missing, and says so in a line per step on standard error.
 * @throws {SetupError}
 */
export async function setup() {
  checkNode();
  // An installed package comes built and has no sources to build from.
  if (!existsSync(join(packageRoot, "src/cli/main.ts"))) return;
  if (missingSteps().length === 0) return;
  const lock = await waitForLock(join(packageRoot, "dist"), ".setup", (by) =>
    say(`another process (${describeHolder(by)}) is setting this clone up; waiting for it`),
  );
  try {
    // Looked at again step by step: the one waited for may have done it, and a step changes the next.
    for (const step of steps) if (step.isMissing()) await step.run();
  } finally {
    lock.release();
  }
}

/** Prints a failed setup: one line, then the tool's own words. @param {unknown} error */
export function printSetupError(error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(`taskmesh: ${error.message}`);
  if (error.output !== "") console.error(error.output);
}

/** @type {readonly { isMissing: () => boolean, run: () => Promise<void> }[]} */
const steps = [
  { isMissing: packagesMissing, run: installPackages },
  { isMissing: () => stampOf("gen") !== generatedHash(), run: generateCode },
  { isMissing: () => stampOf("dist") !== buildHash(), run: build },
];

function missingSteps() {
  return steps.filter((step) => step.isMissing());
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = OLDEST_NODE;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return;
  throw new SetupError(
    `Node.js ${OLDEST_NODE.join(".")} or newer is needed, this is ${process.versions.node} (https://nodejs.org has it)`,
  );
}

// npm notes in node_modules/.package-lock.json what it has installed, once it has ended: comparing
// that with package-lock.json tells a missing, outdated or half-done installation by content.
function packagesMissing() {
  const installed = readJson("node_modules/.package-lock.json")?.packages;
  const wanted = readJson("package-lock.json")?.packages;
  if (wanted === undefined) throw new SetupError("package-lock.json is missing or malformed");
  if (installed === undefined) return true;
  return Object.keys(wanted).some((path) => {
    if (path === "") return false;
    const found = installed[path];
    if (found === undefined) return wanted[path].optional !== true;
    return found.version !== wanted[path].version || found.integrity !== wanted[path].integrity;
  });
}

async function installPackages() {
  const npm = process.env["npm_execpath"];
  const viaNode = npm !== undefined && /npm-cli\.c?js$/.test(npm);
  // NODE_ENV=production would leave out the compiler.
  const args = ["ci", "--no-audit", "--no-fund", "--include=dev"];
  await step(
    "installing packages (npm ci)",
    viaNode ? process.execPath : "npm",
    viaNode ? [npm, ...args] : args,
  );
}

async function generateCode() {
  await step("generating code from proto/ (buf generate)", process.execPath, [
    join(packageRoot, "node_modules/@bufbuild/buf/bin/buf"),
    "generate",
  ]);
  writeStamp("gen", generatedHash());
}

async function build() {
  const hash = buildHash();
  await step("building (tsc)", process.execPath, [
    join(packageRoot, "node_modules/typescript/bin/tsc"),
    "-p",
    "tsconfig.build.json",
  ]);
  copyAssets();
  removeOrphans();
  writeStamp("dist", hash);
}

/**
 * @param {string} title
 * @param {string} command
 * @param {readonly string[]} args
 */
async function step(title, command, args) {
  say(title);
  const result = await runTool(command, args, { cwd: packageRoot });
  if (!result.ok) throw new SetupError(`${title} failed: ${result.exit}`, result.output);
}

// Files that the compiler does not carry over: Lua scripts, the dashboard.
function copyAssets() {
  for (const file of sourceFiles()) {
    if (/\.(ts|mjs)$/.test(file)) continue;
    const from = join(packageRoot, "src", file);
    const to = join(packageRoot, "dist", file);
    if (existsSync(to) && readFileSync(to).equals(readFileSync(from))) continue;
    mkdirSync(dirname(to), { recursive: true });
    cpSync(from, to);
  }
}

// What stays in dist after its source is gone could still be imported.
function removeOrphans() {
  const dist = join(packageRoot, "dist");
  for (const file of filesBelow(dist)) {
    const [, stem, ending] = /^(.*?)\.(m?js)(\.map)?$/.exec(file) ?? [];
    if (stem === undefined || ending === undefined) continue;
    const source = `${stem}.${ending === "mjs" ? "mjs" : "ts"}`;
    const asset = existsSync(join(packageRoot, "src", file));
    if (!asset && !existsSync(join(packageRoot, "src", source))) rmSync(join(dist, file));
  }
}

/** @param {"gen" | "dist"} name */
function stampFile(name) {
  return join(packageRoot, name === "gen" ? "src/gen/.stamp" : "dist/.stamp");
}

/** @param {"gen" | "dist"} name */
function stampOf(name) {
  const file = stampFile(name);
  return existsSync(file) ? readFileSync(file, "utf8") : undefined;
}

/** @param {"gen" | "dist"} name @param {string} hash */
function writeStamp(name, hash) {
  writeFileSync(stampFile(name), hash);
}

/** Hash of all that the generated code depends on. */
export function generatedHash() {
  const protos = filesBelow(join(packageRoot, "proto")).map((file) => join("proto", file));
  const tools = ["ts-proto", "@bufbuild/buf"].map((name) => `node_modules/${name}/package.json`);
  return hashOf(["buf.gen.yaml", "buf.yaml", ...protos, ...tools]);
}

function buildHash() {
  const sources = [...sourceFiles()].map((file) => join("src", file));
  return hashOf(["tsconfig.json", "tsconfig.build.json", "package-lock.json", ...sources]);
}

// Files of src, without the stamp of the generated code, which changes with no source.
function sourceFiles() {
  return filesBelow(join(packageRoot, "src")).filter((file) => !file.endsWith(".stamp"));
}

/** @param {string} folder @returns {string[]} paths below `folder`, sorted */
function filesBelow(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

/** @param {readonly string[]} files relative to the package */
function hashOf(files) {
  const hash = createHash("sha256");
  for (const file of files) {
    const path = join(packageRoot, file);
    hash.update(`${file}\0`).update(existsSync(path) ? readFileSync(path) : "missing");
  }
  return hash.digest("hex");
}

/** @param {string} file relative to the package */
function readJson(file) {
  try {
    return JSON.parse(readFileSync(join(packageRoot, file), "utf8"));
  } catch {
    return undefined;
  }
}

/** @param {string} line */
function say(line) {
  console.error(`taskmesh: ${line}`);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    await setup();
  } catch (error) {
    printSetupError(error);
    process.exitCode = 1;
  }
}
