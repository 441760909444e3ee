// Entry of `npm run simulate`: compiles the simulator and runs its main file.
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { compile, remove } from "./compile.mjs";

process.setSourceMapsEnabled(true);
const folder = compile();
process.on("exit", () => remove(folder));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(130));
await import(pathToFileURL(join(folder, "test/simulation/main.js")).href);
