// The CLI as its users get it: built, in a process of its own.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { startTimeOf } from "../../src/bootstrap/process-lock.mjs";

export const packageRoot = fileURLToPath(new URL("../..", import.meta.url));
export const cliEntry = path.join(packageRoot, "dist/cli/child.js");

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Builds what is not built yet. */
export function buildCli(): void {
  const setup = path.join(packageRoot, "src/bootstrap/setup.mjs");
  const result = spawnSync(process.execPath, [setup], { encoding: "utf8" });
  if (result.status !== 0) throw new Error(result.stderr);
}

/** The environment of this process without what would configure a mesh. */
export function plainEnvironment(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) =>
      name === "TASKMESH_REDIS_SERVER" ||
      (!name.startsWith("TASKMESH_") && !name.startsWith("npm_") && name !== "REDIS_URL"),
  );
  return { ...Object.fromEntries(kept), ...more };
}

/** Starts the CLI in an empty folder. */
export function startCli(args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  return spawn(process.execPath, [cliEntry, ...args], {
    cwd: mkdtempSync(path.join(tmpdir(), "taskmesh-cli-")),
    env: plainEnvironment(env),
    stdio: ["ignore", "pipe", "pipe"],
  });
}

/** Collects what a process says until it ends. */
export function ended(child: ChildProcess): Promise<Ended> {
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr?.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, stdout, stderr }));
  });
}

/** Runs the CLI to its end. */
export function cli(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return ended(startCli(args, env));
}

/** Whether a process of this pid runs; one that is dead and not yet reaped does not. */
export function isRunning(pid: number): boolean {
  return startTimeOf(pid) !== undefined;
}
