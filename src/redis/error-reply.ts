// Tells what a server answered from what became of a connection.

/** True for an error that the server itself answered, false for one of the connection. */
export function isErrorReply(error: unknown): error is Error {
  return error instanceof Error && error.name === "ReplyError";
}

/** Text of an error that the server itself answered; undefined for any other. */
export function errorReplyOf(error: unknown): string | undefined {
  return isErrorReply(error) ? error.message : undefined;
}

/** First word of an error reply. A script's error comes as "ERR …" or with the inner code. */
export function errorCode(error: Error): string {
  const code = error.message.split(" ", 1)[0] ?? "";
  return code.startsWith("-") ? code.slice(1) : code;
}
