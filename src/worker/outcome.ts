// Turns what a handler returned or threw into what the leader is told, within bounds: whatever a
// handler does, this neither throws nor grows.
import { types } from "node:util";
import { jsonFaultOf } from "../input/json-text.js";
import type { TaskError } from "../gen/mesh/v1/task.js";
import type { TaskFailure } from "../gen/mesh/v1/worker_service.js";

/** Longest result, in bytes of its JSON text. */
export const DEFAULT_MAX_RESULT_BYTES = 1_048_576;
/** Bounds of an error's texts, in characters. */
export const MAX_ERROR_NAME_LENGTH = 128;
export const MAX_ERROR_MESSAGE_LENGTH = 4_096;
export const MAX_ERROR_STACK_LENGTH = 8_192;
/** An error and its causes whose stacks are kept. */
const MAX_CAUSES = 5;
const CAUSED_BY = "\ncaused by: ";

export type AttemptResult =
  | { readonly kind: "result"; readonly json: string }
  | { readonly kind: "failure"; readonly failure: TaskFailure }
  /**
   * The handler was not run, or was ended by something else than its own doing: another node gets the task.
   * Lost: the handler may be what ended whatever ran it.
   */
  | { readonly kind: "given-back"; readonly reason: string; readonly lost: boolean };

/** A handler's return value as JSON text; `undefined` is kept as null. */
export function resultOf(value: unknown, maxResultBytes: number): AttemptResult {
  let json: string | undefined;
  try {
    json = jsonOf(value === undefined ? null : value);
  } catch (error) {
    return unusable(`the handler's result is not JSON: ${describeThrown(error)}`);
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

/**
 * Whatever a handler threw. Anything named NonRetryableError, of whichever class or none, says that
 * trying again cannot help. Never throws.
 */
export function failureOf(thrown: unknown): TaskFailure & { readonly error: TaskError } {
  const error = taskErrorOf(thrown);
  return { error, retryable: error.name !== "NonRetryableError", timedOut: false };
}

/** Whatever was thrown, in one line. Never throws. */
export function describeThrown(thrown: unknown): string {
  const { name, message } = taskErrorOf(thrown);
  return message === "" ? name : message;
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
  const own = namedParts(thrown);
  if (own !== undefined) {
    return {
      name: bounded(own.name, MAX_ERROR_NAME_LENGTH),
      message: bounded(own.message, MAX_ERROR_MESSAGE_LENGTH),
      stack: bounded(stackOf(thrown), MAX_ERROR_STACK_LENGTH),
    };
  }
  const text = valueOf(() =>
    typeof thrown === "object" && thrown !== null ? jsonOf(thrown) : String(thrown),
  );
  const message = typeof text === "string" ? text : `a value that cannot be read: ${typeof thrown}`;
  return { name: "NonError", message: bounded(message, MAX_ERROR_MESSAGE_LENGTH), stack: "" };
}

/** Name and message of an error, or of what is named as one is; undefined of anything else. */
function namedParts(
  thrown: unknown,
): { readonly name: string; readonly message: string } | undefined {
  if (typeof thrown !== "object" || thrown === null) return undefined;
  const name = textOf(() => Reflect.get(thrown, "name"));
  const message = textOf(() => Reflect.get(thrown, "message"));
  if (isError(thrown)) return { name: name || "Error", message };
  return name === "" ? undefined : { name, message: message || textOf(() => jsonOf(thrown)) };
}

/** Of what may be a proxy, whose traps may throw. */
function isError(thrown: object): boolean {
  try {
    return thrown instanceof Error || types.isNativeError(thrown);
  } catch {
    return false;
  }
}

/** The stack, and those of its causes behind it. */
function stackOf(thrown: unknown): string {
  const stacks: string[] = [];
  let error = thrown;
  while (stacks.length < MAX_CAUSES && typeof error === "object" && error !== null) {
    const at = error;
    const stack = textOf(() => Reflect.get(at, "stack"));
    if (stack === "") break;
    stacks.push(stack);
    error = valueOf(() => Reflect.get(at, "cause"));
  }
  if (stacks.length > 0 && typeof error === "string") stacks.push(error);
  // The innermost cause tells most: each stack gives up the end of its share.
  const share = Math.floor(MAX_ERROR_STACK_LENGTH / Math.max(1, stacks.length)) - CAUSED_BY.length;
  return stacks.map((stack) => bounded(stack, share)).join(CAUSED_BY);
}

/** Runs code that is the user's as much as the handler is: getters, toString, toJSON. */
function textOf(read: () => unknown): string {
  const value = valueOf(read);
  return typeof value === "string" ? value : "";
}

function valueOf(read: () => unknown): unknown {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function bounded(text: string, maxLength: number): string {
  const cut = text.length <= maxLength ? text : `${text.slice(0, maxLength - 1)}…`;
  // A cut may go through a pair, and a handler may throw half of one.
  return cut.toWellFormed();
}
