// Tells what a server answered from what became of a connection.

/** True for an error that the server itself answered, false for one of the connection. */
export function isErrorReply(error: unknown): error is Error {
  return error instanceof Error && error.name === "ReplyError";
}

/** Text of an error that the server itself answered; undefined for any other. */
export function errorReplyOf(error: unknown): string | undefined {
  return isErrorReply(error) ? error.message : undefined;
}

/** Of a command that a script called: "ERR user_script:7: OOM command not allowed …". */
const IN_SCRIPT = /^ERR .*?\buser_script:\d+: -?([A-Z]+) /;

/** Code of an error reply: its first word; of an error within a script that of what failed there. */
export function errorCode(error: Error): string {
  const inScript = IN_SCRIPT.exec(error.message)?.[1];
  if (inScript !== undefined) return inScript;
  const code = error.message.split(" ", 1)[0] ?? "";
  return code.startsWith("-") ? code.slice(1) : code;
}
