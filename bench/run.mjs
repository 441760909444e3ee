// Runs a TypeScript file of this folder as it is: node bench/run.mjs redis-apply
import { readdirSync, readFileSync } from "node:fs";
import { runnerImport } from "vite";

const folder = new URL("./", import.meta.url);
// A benchmark names its own command in its first lines; what else lies here is a piece of one.
const names = readdirSync(folder)
  .filter((file) => file.endsWith(".ts"))
  .map((file) => file.slice(0, -".ts".length))
  .filter((name) => {
    const text = readFileSync(new URL(`${name}.ts`, folder), "utf8");
    return new RegExp(`(bench --|run\\.mjs) ${name}\\b`).test(text);
  });
const [name = ""] = process.argv.slice(2);
if (names.includes(name)) await runnerImport(new URL(`${name}.ts`, folder).pathname);
else {
  process.stderr.write(`npm run bench -- NAME, which is one of ${names.join(", ")}\n`);
  process.exitCode = 2;
}
