// What a handler says with `ctx.log`, within bounds: a line that travels between threads and nodes.
import { jsonFaultOf } from "../input/json-text.js";
import type { TaskLog } from "./handler.js";
import { jsonOf } from "./outcome.js";

export type LogLevel = keyof TaskLog;

/** Most that a line may hold, message and fields together, in characters. */
export const MAX_LINE_LENGTH = 4_096;
/** Lines that an attempt may write at once. */
export const LINES_AT_ONCE = 1_000;
/** Lines a second that it may write for long. */
export const LINES_PER_SECOND = 200;

export interface LogLine {
  /** Wall clock, milliseconds since the epoch. */
  readonly atMs: number;
  readonly level: LogLevel;
  readonly message: string;
  /** JSON text of an object; empty: none. */
  readonly fieldsJson: string;
}

/** A line cut to its bounds: the message is shortened, fields that do not fit or are no JSON are left out. */
export function logLine(atMs: number, level: LogLevel, message: unknown, fields: unknown): LogLine {
  const text = typeof message === "string" ? message : textOf(message);
  const cut = text.length <= MAX_LINE_LENGTH ? text : `${text.slice(0, MAX_LINE_LENGTH - 1)}…`;
  const json = typeof fields === "object" && fields !== null ? textOf(fields) : "";
  const fits =
    json.startsWith("{") &&
    cut.length + json.length <= MAX_LINE_LENGTH &&
    jsonFaultOf(json) === undefined;
  return { atMs, level, message: cut.toWellFormed(), fieldsJson: fits ? json : "" };
}

/** Runs code that is the user's: toJSON, getters, toString. */
function textOf(value: unknown): string {
  try {
    return jsonOf(value) ?? String(value);
  } catch {
    return "";
  }
}

/**
 * Lets through what a task may write, as a bucket of tokens does, and counts what it holds back.
 *
 * Invariant: 0 <= tokens <= LINES_AT_ONCE.
 */
export class LineAllowance {
  #tokens = LINES_AT_ONCE;
  #filledAtMs = Number.NEGATIVE_INFINITY;
  #heldBack = 0;

  /** Whether one more line may be written. */
  take(nowMs: number): boolean {
    const elapsedMs = Math.max(0, nowMs - this.#filledAtMs);
    this.#filledAtMs = nowMs;
    this.#tokens = Math.min(LINES_AT_ONCE, this.#tokens + (elapsedMs * LINES_PER_SECOND) / 1_000);
    if (this.#tokens < 1) {
      this.#heldBack += 1;
      return false;
    }
    this.#tokens -= 1;
    return true;
  }

  /** Lines that were held back since this was asked last. */
  takeHeldBack(): number {
    const count = this.#heldBack;
    this.#heldBack = 0;
    return count;
  }
}
