// Entry of `npm run torture`: runs its main file as it is.
import { runnerImport } from "vite";

await runnerImport(new URL("main.ts", import.meta.url).pathname);
