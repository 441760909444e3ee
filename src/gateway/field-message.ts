// Says in plain words what a value from outside must be, where its schema has no words of its own.
import type { z } from "zod";

const NOUNS: Readonly<Record<string, string>> = {
  string: "a string",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "an array",
  object: "a JSON object",
};

/** The message of an issue, to stand behind the name of its field; undefined: the schema's own. */
export function fieldMessage(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case "invalid_type": {
      const noun = NOUNS[issue.expected] ?? issue.expected;
      return issue.input === undefined ? `is missing: give ${noun}` : `must be ${noun}`;
    }
    case "too_small":
      return bound(issue.origin, Number(issue.minimum), "at least");
    case "too_big":
      return bound(issue.origin, Number(issue.maximum), "at most");
    case "invalid_value":
      return `must be one of ${issue.values.map(String).join(", ")}`;
    case "unrecognized_keys":
      return `is not known: ${knownKeys(issue.inst)}`;
    default:
      return undefined;
  }
}

function bound(origin: string, limit: number, side: "at least" | "at most"): string {
  switch (origin) {
    case "string":
      return side === "at least" && limit === 1
        ? "must not be empty"
        : `must have ${side} ${limit} characters`;
    case "array":
      return side === "at least" && limit === 1
        ? "must not be empty"
        : `must have ${side} ${limit} items`;
    default:
      return `must be ${side} ${limit}`;
  }
}

/** What an object takes instead of a key that it does not know. */
function knownKeys(schema: unknown): string {
  const keys = isObjectSchema(schema) ? Object.keys(schema.shape) : [];
  return keys.length === 0 ? "nothing is taken here" : `there are ${keys.join(", ")}`;
}

function isObjectSchema(schema: unknown): schema is { readonly shape: object } {
  return typeof schema === "object" && schema !== null && "shape" in schema;
}
