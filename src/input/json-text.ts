// JSON text from outside, read by one rule wherever it comes in: as a body, as the data of a task, as
// the result of a handler. What would come back as something else than was sent is refused.
import { tokenFault } from "./json-tokens.js";
import { illFormedIn, WELL_FORMED_RULE } from "./text-rule.js";

/** Deepest nesting of the data and of the result of a task: what reads them may do so by recursion. */
export const MAX_JSON_DEPTH = 100;

/** Steps of a path that are told. */
const SHOWN_DEPTH = 10;

/** What is wrong with a JSON text. */
export interface JsonFault {
  /** Keys and indexes down to the value; empty: the text as a whole. */
  readonly path: readonly string[];
  /** To stand behind the name of the value. */
  readonly problem: string;
  /** True where it is no JSON at all. */
  readonly isSyntax: boolean;
}

export type JsonReading =
  | { readonly kind: "value"; readonly value: unknown }
  | { readonly kind: "fault"; readonly fault: JsonFault };

/**
 * The value of a JSON text: numbers are as they stand in it, no key stands twice, and keys such as
 * `__proto__` are plain keys. Whether its strings are well formed is left to `illFormedIn`.
 */
export function readJson(text: string, maxDepth: number): JsonReading {
  let value: unknown;
  try {
    // JSON.parse makes `__proto__` an own property; nothing assigns from parsed keys.
    value = JSON.parse(text);
  } catch (error) {
    const problem = error instanceof SyntaxError ? error.message : "not JSON";
    return { kind: "fault", fault: { path: [], problem, isSyntax: true } };
  }
  const seen: Seen = { maxDepth, keys: 0, hasLargeInteger: false };
  const fault =
    valueFault(value, 0, seen) ?? (isSuspect(text, seen) ? tokenFault(text) : undefined);
  return fault === undefined
    ? { kind: "value", value }
    : { kind: "fault", fault: { ...fault, isSyntax: false } };
}

/** What is wrong with the data or the result of a task; undefined: nothing. */
export function jsonFaultOf(text: string): JsonFault | undefined {
  const reading = readJson(text, MAX_JSON_DEPTH);
  if (reading.kind === "fault") return reading.fault;
  const path = illFormedIn(reading.value);
  return path === undefined ? undefined : { path, problem: WELL_FORMED_RULE, isSyntax: false };
}

/** What a look at a value tells of its text. */
interface Seen {
  readonly maxDepth: number;
  keys: number;
  hasLargeInteger: boolean;
}

type ValueFault = Pick<JsonFault, "path" | "problem">;

function valueFault(value: unknown, depth: number, seen: Seen): ValueFault | undefined {
  if (typeof value === "number") return numberFault(value, seen);
  if (typeof value !== "object" || value === null) return undefined;
  const { maxDepth } = seen;
  if (depth === maxDepth) {
    return { path: [], problem: `is nested more than ${maxDepth} levels deep` };
  }
  const isArray = Array.isArray(value);
  for (const [key, inner] of Object.entries(value)) {
    if (!isArray) seen.keys += 1;
    const fault = valueFault(inner, depth + 1, seen);
    if (fault === undefined) continue;
    // A path that is as long as the nesting is deep helps nobody.
    return depth >= SHOWN_DEPTH ? fault : { ...fault, path: [key, ...fault.path] };
  }
  return undefined;
}

function numberFault(value: number, seen: Seen): ValueFault | undefined {
  if (Number.isSafeInteger(value)) return undefined;
  // It would be written as null.
  if (!Number.isFinite(value)) {
    const problem = "is a number beyond ±1.8e308, which JSON readers do not keep: send it as text";
    return { path: [], problem };
  }
  if (Number.isInteger(value)) seen.hasLargeInteger = true;
  return undefined;
}

const KEY_END = /"[ \t\r\n]*:/g;

/** Whether a token may have been read as another; few texts have to be looked through for it. */
function isSuspect(text: string, { keys, hasLargeInteger }: Seen): boolean {
  if (hasLargeInteger) return true;
  // Never fewer than there are keys, and more where one stands twice.
  let ends = 0;
  KEY_END.lastIndex = 0;
  while (KEY_END.test(text)) ends += 1;
  return ends !== keys;
}
