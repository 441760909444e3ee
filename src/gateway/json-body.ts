// Reads JSON text from outside: malformed text and nesting without end are refused, keys such as
// `__proto__` stay plain keys.
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
  if (isDeeperThan(value, MAX_JSON_DEPTH)) {
    const detail = `the body is nested more than ${MAX_JSON_DEPTH} levels deep`;
    throw new HttpProblem(400, "malformed_json", detail);
  }
  return value;
}

function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (levels === 0) return true;
  return Object.values(value).some((inner) => isDeeperThan(inner, levels - 1));
}
