// Strips the types off the core and the simulator, file by file, so that both run at full speed in
// a second from a fresh clone. Types are checked elsewhere.
import { mkdtempSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const TOP = fileURLToPath(new URL("../..", import.meta.url));
const FOLDERS = ["src/raft/core", "test/simulation"];

/** @param {string} name */
const isSource = (name) => name.endsWith(".ts") && !name.endsWith(".test.ts");

/** Source files of the core and the simulator, relative to the top. */
export const sourceFiles = () =>
  FOLDERS.flatMap((folder) =>
    readdirSync(join(TOP, folder), { recursive: true, encoding: "utf8" })
      .filter(isSource)
      .map((name) => join(folder, name)),
  );

/**
 * JavaScript of one file.
 *
 * @param {string} fileName
 * @param {string} source
 */
export const strip = (fileName, source) =>
  ts.transpileModule(source, {
    fileName,
    compilerOptions: {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
      inlineSourceMap: true,
      inlineSources: true,
    },
  }).outputText;

/**
 * Compiles into a new temporary folder and returns its path. `replace` maps a file, relative to the
 * top, to source text that takes the place of its own.
 *
 * @param {ReadonlyMap<string, string>} replace
 */
export const compile = (replace = new Map()) => {
  const folder = mkdtempSync(join(tmpdir(), "taskmesh-simulation-"));
  writeFileSync(join(folder, "package.json"), '{"type":"module"}\n');
  for (const file of sourceFiles()) {
    const source = replace.get(file) ?? readFileSync(join(TOP, file), "utf8");
    const target = join(folder, file.replace(/\.ts$/, ".js"));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, strip(file, source));
  }
  return folder;
};

/** @param {string} folder */
export const remove = (folder) => rmSync(folder, { recursive: true, force: true });
