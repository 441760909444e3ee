// A child of `up` ends soon after `up` does, whatever it is doing then.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { buildCli, isRunning, packageRoot, plainEnvironment } from "./built-cli.js";

const lifeline = pathToFileURL(path.join(packageRoot, "dist/cli/lifeline.js")).href;
const WAIT = { timeout: 20_000, interval: 50 };

const parents: ChildProcess[] = [];
beforeAll(() => buildCli(), 120_000);
afterEach(() => {
  for (const parent of parents.splice(0)) parent.kill("SIGKILL");
});

/** A process that starts a child as `up` does, which does `what` from then on. */
async function startPair(what: string): Promise<{ parent: ChildProcess; childPid: number }> {
  const child = `import("${lifeline}").then(({ tieToParent }) => {
    tieToParent(100);
    process.send("tied", () => { ${what} });
  });`;
  const script = `
    const child = require("node:child_process").spawn(process.execPath, ["-e", ${JSON.stringify(child)}], {
      stdio: ["ignore", "ignore", "inherit", "ipc", "pipe"],
    });
    child.once("message", () => console.log(child.pid));`;
  const parent = spawn(process.execPath, ["-e", script], {
    env: plainEnvironment(),
    stdio: ["ignore", "pipe", "inherit"],
  });
  parents.push(parent);
  const [output] = (await once(parent.stdout, "data")) as [Buffer];
  return { parent, childPid: Number(output.toString()) };
}

describe("a child whose parent is killed outright", () => {
  test.each([
    ["is busy", "for (;;);"],
    ["takes its time to stop", "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000);"],
  ])("ends although it %s", async (_how, what) => {
    const { parent, childPid } = await startPair(what);
    expect(isRunning(childPid)).toBe(true);

    parent.kill("SIGKILL");

    await vi.waitFor(() => expect(isRunning(childPid)).toBe(false), WAIT);
  });
});
