// How a command ends other than well: which errors are told in one line, and with which exit code.

/** Exit codes of the CLI. */
export const exitCode = { ok: 0, failed: 1, usage: 2 } as const;

/** Thrown by a command for an expected failure: it is told in one line, without a stack. */
export class ExitError extends Error {
  override readonly name = "ExitError";

  constructor(
    readonly exitLine: string,
    readonly code: number = exitCode.failed,
  ) {
    super(exitLine);
  }
}

// Errors of the layers below that their user can mend and that say so in their message.
const EXPECTED = [
  "PortTaken",
  "BindFailed",
  "MeshMismatch",
  "UserModuleError",
  "RedisUnavailable",
  "DataFolderLocked",
  "LogCorrupt",
  "StateLost",
  "StorageFailure",
];

/**
 * The line that tells an error to the user, or undefined if the error is not an expected one. An
 * expected error carries `exitLine` or has a known name; the layer that throws it need not know the CLI.
 */
export function exitLineOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ("exitLine" in error && typeof error.exitLine === "string") return error.exitLine;
  return EXPECTED.includes(error.name) ? error.message : undefined;
}

/** The line for any error: an unexpected one is told by the first line of its message. */
export function reasonLineOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return exitLineOf(error) ?? `unexpected error: ${message.split("\n")[0] ?? message}`;
}

/** What is printed for any error: its line; with `verbose` the stack besides. */
export function describeError(error: unknown, verbose: boolean): string {
  const line = reasonLineOf(error);
  const stack = verbose && error instanceof Error ? `\n${error.stack ?? ""}` : "";
  const lines = line.split("\n").map((part) => `taskmesh: ${part}`);
  return lines.join("\n") + stack;
}

/** Exit code that belongs to an error. */
export function exitCodeOf(error: unknown): number {
  return error instanceof ExitError ? error.code : exitCode.failed;
}
