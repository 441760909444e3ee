// Runs a program of the machine to its end, within a bound, and keeps what it says.
import { spawn } from "node:child_process";

export interface CommandResult {
  readonly ok: boolean;
  readonly output: string;
}

/** Runs a program to its end, at most `timeoutMs`, and keeps what it says. */
export function runCommand(
  command: string,
  args: readonly string[],
  timeoutMs: number,
): Promise<CommandResult> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      stdio: ["ignore", "pipe", "pipe"],
      timeout: timeoutMs,
      killSignal: "SIGTERM",
    });
    const chunks: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk));
    const end = (ok: boolean, more = ""): void =>
      resolve({ ok, output: Buffer.concat(chunks).toString("utf8") + more });
    child.on("error", (error) => end(false, error.message));
    child.on("close", (code) => end(code === 0));
  });
}
