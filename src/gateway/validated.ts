// Checks a value from outside against a schema; what is wrong comes out as one problem naming fields.
import type { z } from "zod";
import { MAX_LISTED_ERRORS } from "./limits.js";
import { type FieldError, invalidFields } from "./problem.js";

/** The parsed value. Throws HttpProblem 422 "invalid_field". */
export function validated<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw invalidFields(parsed.error.issues.flatMap(fieldErrors).slice(0, MAX_LISTED_ERRORS));
}

function fieldErrors(issue: z.core.$ZodIssue): readonly FieldError[] {
  const path = issue.path.map(String);
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({ field: [...path, key].join("."), message: "is not known" }));
  }
  return [{ field: path.join("."), message: issue.message }];
}
