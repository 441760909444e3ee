// Runs one tool as a child, either in the open or with its output kept until it is known whether
// anyone needs to see it.
import { Buffer } from "node:buffer";
import { spawn } from "node:child_process";
import { performance } from "node:perf_hooks";

/**
 * @typedef {{ ok: boolean, output: string, exit: string, durationMs: number }} ToolResult
 */

/**
 * Runs a tool to its end and keeps what it says.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd: string, env?: NodeJS.ProcessEnv, show?: boolean }} options `show` lets the output
 *   through as it comes
 * @returns {Promise<ToolResult>}
 */
export function runTool(command, args, options) {
  const startedAt = performance.now();
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: ["ignore", options.show ? "inherit" : "pipe", options.show ? "inherit" : "pipe"],
    });
    /** @type {Buffer[]} */
    const chunks = [];
    child.stdout?.on("data", (chunk) => chunks.push(chunk));
    child.stderr?.on("data", (chunk) => chunks.push(chunk));
    /** @param {boolean} ok @param {string} exit */
    const end = (ok, exit) =>
      resolve({
        ok,
        exit,
        output: Buffer.concat(chunks).toString("utf8").trimEnd(),
        durationMs: performance.now() - startedAt,
      });
    child.on("error", (error) => end(false, error.message));
    child.on("close", (code, signal) =>
      end(code === 0, signal === null ? `exit code ${String(code)}` : `signal ${signal}`),
    );
  });
}
