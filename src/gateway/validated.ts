// Checks a value from outside against a schema; what is wrong comes out as one problem naming fields.
import type { z } from "zod";
import { illFormedIn, WELL_FORMED_RULE } from "../input/text-rule.js";
import { fieldMessage } from "./field-message.js";
import { MAX_LISTED_ERRORS } from "./limits.js";
import { type FieldError, invalidFields } from "./problem.js";

/** The parsed value. Throws HttpProblem 422 "invalid_field". */
export function validated<T>(schema: z.ZodType<T>, value: unknown): T {
  const illFormed = illFormedIn(value);
  if (illFormed !== undefined) {
    throw invalidFields([{ field: illFormed.join("."), message: WELL_FORMED_RULE }]);
  }
  const parsed = schema.safeParse(value, { error: fieldMessage });
  if (parsed.success) return parsed.data;
  throw invalidFields(onePerField(parsed.error.issues.flatMap(fieldErrors)));
}

function fieldErrors(issue: z.core.$ZodIssue): readonly FieldError[] {
  const { message } = issue;
  const path = issue.path.map(String);
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({ field: [...path, key].join("."), message }));
  }
  return [{ field: path.join("."), message }];
}

/** The last one of a field is the narrowest: that a number is no safe integer comes before its bound. */
function onePerField(errors: readonly FieldError[]): readonly FieldError[] {
  const byField = new Map(errors.map((error) => [error.field, error]));
  return [...byField.values()].slice(0, MAX_LISTED_ERRORS);
}
