// Runs a TypeScript file of this folder as it is: node bench/run.mjs redis-apply
import { runnerImport } from "vite";

const name = process.argv[2];
if (name === undefined) throw new Error("name a benchmark: node bench/run.mjs redis-apply");
await runnerImport(new URL(`./${name}.ts`, import.meta.url).pathname);
