// Tells what a server answered from what became of a connection.

/** True for an error that the server itself answered, false for one of the connection. */
export function isErrorReply(error: unknown): error is Error {
  return error instanceof Error && error.name === "ReplyError";
}

/** Text of an error that the server itself answered; undefined for any other. */
export function errorReplyOf(error: unknown): string | undefined {
  return isErrorReply(error) ? error.message : undefined;
}

/** Why the database that was asked for cannot be had; undefined for any other error. */
export function selectFailureOf(error: unknown): string | undefined {
  if (!isErrorReply(error) || !("command" in error)) return undefined;
  const { name, args } = error.command as { readonly name?: string; readonly args?: unknown[] };
  if (name?.toLowerCase() !== "select") return undefined;
  return `database ${String(args?.[0])} cannot be selected: ${error.message}`;
}

/** Of a command that a script called: "ERR user_script:7: OOM command not allowed …". */
const IN_SCRIPT = /^ERR .*?\buser_script:\d+: -?([A-Z]+) /;

/** A command that a script may not call, as Redis 7.0 and 7.2 say it; others say NOPERM. */
const DENIED_IN_SCRIPT = /ACL failure in script|The user executing the script can't/;

/** Code of an error reply: its first word; of an error within a script that of what failed there. */
export function errorCode(error: Error): string {
  if (DENIED_IN_SCRIPT.test(error.message)) return "NOPERM";
  const inScript = IN_SCRIPT.exec(error.message)?.[1];
  if (inScript !== undefined) return inScript;
  const code = error.message.split(" ", 1)[0] ?? "";
  return code.startsWith("-") ? code.slice(1) : code;
}
