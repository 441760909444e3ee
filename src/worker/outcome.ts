// Turns what a handler returned or threw into what the leader is told, within bounds: whatever a
// handler does, this neither throws nor grows.
import { jsonFaultOf } from "../input/json-text.js";
import type { TaskError } from "../gen/mesh/v1/task.js";
import type { TaskFailure } from "../gen/mesh/v1/worker_service.js";

/** Longest result, in bytes of its JSON text. */
export const DEFAULT_MAX_RESULT_BYTES = 1_048_576;
/** Bounds of an error's texts, in characters. */
export const MAX_ERROR_NAME_LENGTH = 128;
export const MAX_ERROR_MESSAGE_LENGTH = 4_096;
export const MAX_ERROR_STACK_LENGTH = 8_192;

export type AttemptResult =
  | { readonly kind: "result"; readonly json: string }
  | { readonly kind: "failure"; readonly failure: TaskFailure };

/** A handler's return value as JSON text; `undefined` is kept as null. */
export function resultOf(value: unknown, maxResultBytes: number): AttemptResult {
  let json: string | undefined;
  try {
    json = jsonOf(value === undefined ? null : value);
  } catch (error) {
    return unusable(`the handler's result is not JSON: ${textOf(() => (error as Error).message)}`);
  }
  if (json === undefined) return unusable(`the handler's result is not JSON: a ${typeof value}`);
  const sizeBytes = Buffer.byteLength(json);
  if (sizeBytes > maxResultBytes) {
    return unusable(
      `the handler's result has ${sizeBytes} bytes of JSON; at most ${maxResultBytes} are kept`,
    );
  }
  const fault = jsonFaultOf(json);
  if (fault !== undefined) {
    const value = ["result", ...fault.path].join(".");
    return unusable(`the handler's ${value} ${fault.problem}`);
  }
  return { kind: "result", json };
}

/** Whatever a handler threw. An error named NonRetryableError says that trying again cannot help. */
export function failureOf(thrown: unknown): TaskFailure {
  const error = taskErrorOf(thrown);
  return { error, retryable: error.name !== "NonRetryableError", timedOut: false };
}

/** The attempt ran longer than its task allows. */
export function timeoutFailure(timeoutMs: number): TaskFailure {
  return failure("timeout", `the handler did not end within ${timeoutMs} ms`, true, true);
}

/** A failure that the node itself found. */
export function failure(
  name: string,
  message: string,
  retryable: boolean,
  timedOut = false,
): TaskFailure {
  return { error: { name, message, stack: "" }, retryable, timedOut };
}

/** JSON text; undefined for a function or a symbol, which the standard library's type does not say. */
export const jsonOf: (value: unknown) => string | undefined = JSON.stringify;

function unusable(message: string): AttemptResult {
  return { kind: "failure", failure: failure("UnusableResult", message, false) };
}

function taskErrorOf(thrown: unknown): TaskError {
  if (thrown instanceof Error) {
    return {
      name: bounded(textOf(() => thrown.name) || "Error", MAX_ERROR_NAME_LENGTH),
      message: bounded(
        textOf(() => thrown.message),
        MAX_ERROR_MESSAGE_LENGTH,
      ),
      stack: bounded(
        textOf(() => thrown.stack),
        MAX_ERROR_STACK_LENGTH,
      ),
    };
  }
  const text = textOf(() =>
    typeof thrown === "object" && thrown !== null ? JSON.stringify(thrown) : String(thrown),
  );
  return { name: "NonError", message: bounded(text, MAX_ERROR_MESSAGE_LENGTH), stack: "" };
}

/** Runs code that is the user's as much as the handler is: getters, toString, toJSON. */
function textOf(read: () => unknown): string {
  try {
    const value = read();
    return typeof value === "string" ? value : "";
  } catch {
    return "";
  }
}

function bounded(text: string, maxLength: number): string {
  const cut = text.length <= maxLength ? text : `${text.slice(0, maxLength - 1)}…`;
  // A cut may go through a pair, and a handler may throw half of one.
  return cut.toWellFormed();
}
