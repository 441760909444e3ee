#!/usr/bin/env node
// The command `taskmesh`: sets up what is missing, then hands over to the built CLI in this process.
import { printSetupError, setup } from "./setup.mjs";

try {
  await setup();
} catch (error) {
  printSetupError(error);
  process.exit(1);
}
const main = new URL("../../dist/cli/main.js", import.meta.url);
const { run } = await import(main.href);
await run(process.argv.slice(2));
