// Compiles a program and what it imports, file by file, so that its processes run plain JavaScript
// and start at once. Types are checked elsewhere.
import { mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import ts from "typescript";

const TOP = path.resolve(import.meta.dirname, "../..");
const OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.ESNext,
  verbatimModuleSyntax: true,
};

/** `programs` are relative to the top; returns the folder that holds them, compiled. */
export function compile(programs: readonly string[]): string {
  const folder = mkdtempSync(path.join(tmpdir(), "taskmesh-bench-"));
  writeFileSync(path.join(folder, "package.json"), '{"type":"module"}\n');
  symlinkSync(path.join(TOP, "node_modules"), path.join(folder, "node_modules"));
  const done = new Set<string>();
  const waiting = [...programs];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (done.has(file)) continue;
    done.add(file);
    const source = readFileSync(path.join(TOP, file), "utf8");
    const target = path.join(folder, file.replace(/\.ts$/, ".js"));
    mkdirSync(path.dirname(target), { recursive: true });
    const options = { fileName: file, compilerOptions: OPTIONS };
    const { outputText } = ts.transpileModule(source, options);
    writeFileSync(target, outputText);
    for (const { fileName } of ts.preProcessFile(outputText).importedFiles) {
      if (!fileName.startsWith(".")) continue;
      waiting.push(path.join(path.dirname(file), fileName.replace(/\.js$/, ".ts")));
    }
  }
  return folder;
}
