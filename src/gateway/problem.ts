// Problem details (RFC 9457): the one form of every error that the gateway answers with.
import { STATUS_CODES } from "node:http";

export const PROBLEM_CONTENT_TYPE = "application/problem+json; charset=utf-8";

export interface FieldError {
  /** Path such as `backoff.delayMs`; empty for the body itself. */
  readonly field: string;
  readonly message: string;
}

export interface ProblemOptions {
  readonly field?: string | undefined;
  /** Every problem of the request, where there are several. */
  readonly errors?: readonly FieldError[] | undefined;
  readonly retryAfterMs?: number | undefined;
  /** Methods that the resource knows, for 405. */
  readonly allow?: readonly string[] | undefined;
}

/** Thrown by a route to answer with a problem. */
export class HttpProblem extends Error {
  override readonly name = "HttpProblem";

  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly options: ProblemOptions = {},
  ) {
    super(detail);
  }
}

/** What is wrong with a request's fields, as one problem that names the first and lists all. */
export function invalidFields(errors: readonly FieldError[]): HttpProblem {
  const first = errors[0] ?? { field: "", message: "invalid" };
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : "";
  const detail = `${first.field === "" ? "the body" : first.field}: ${first.message}${more}`;
  return new HttpProblem(422, "invalid_field", detail, { field: first.field, errors });
}

/** The JSON object of a problem. `instance` is the path that was asked for. */
export function problemBody(problem: HttpProblem, instance?: string): Record<string, unknown> {
  const { status, code, detail, options } = problem;
  return {
    type: `urn:taskmesh:problem:${code}`,
    title: STATUS_CODES[status] ?? "Error",
    status,
    detail,
    code,
    ...(options.field === undefined || options.field === "" ? {} : { field: options.field }),
    ...(options.errors === undefined ? {} : { errors: options.errors }),
    ...(instance === undefined ? {} : { instance }),
  };
}

/** Value of Retry-After, whole seconds, at least 1; undefined where trying again does not help. */
export function retryAfterSeconds(problem: HttpProblem): number | undefined {
  const { retryAfterMs } = problem.options;
  if (retryAfterMs === undefined || retryAfterMs <= 0) return undefined;
  return Math.max(1, Math.ceil(retryAfterMs / 1_000));
}
