// Reads JSON text from outside: malformed text, nesting without end and numbers that no double holds
// are refused, keys such as `__proto__` stay plain keys.
import { MAX_JSON_DEPTH } from "./limits.js";
import { HttpProblem } from "./problem.js";

/** The value of a JSON text. Throws HttpProblem 400 "malformed_json". */
export function parseJson(text: string): unknown {
  let value: unknown;
  try {
    // JSON.parse makes `__proto__` an own property; nothing here assigns from parsed keys.
    value = JSON.parse(text);
  } catch (error) {
    const reason = error instanceof SyntaxError ? error.message : "not JSON";
    throw new HttpProblem(400, "malformed_json", `the body is not JSON: ${reason}`);
  }
  const fault = faultOf(value, MAX_JSON_DEPTH);
  if (fault !== undefined) throw new HttpProblem(400, "malformed_json", `the body ${fault}`);
  return value;
}

/** What is wrong with a value although its text is JSON. */
function faultOf(value: unknown, levels: number): string | undefined {
  // It would be written as null.
  if (value === Infinity || value === -Infinity) {
    return "holds a number beyond ±1.8e308, which JSON readers do not keep: send it as text";
  }
  if (typeof value !== "object" || value === null) return undefined;
  if (levels === 0) return `is nested more than ${MAX_JSON_DEPTH} levels deep`;
  for (const inner of Object.values(value)) {
    const fault = faultOf(inner, levels - 1);
    if (fault !== undefined) return fault;
  }
  return undefined;
}
