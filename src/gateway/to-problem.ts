// The one place where an error of any kind becomes a problem; what is not known is masked.
import type { Problem } from "../gen/mesh/v1/task_service.js";
import { DEFAULT_RETRY_AFTER_MS } from "./limits.js";
import { MeshRefusal } from "./mesh-refusal.js";
import { HttpProblem } from "./problem.js";

interface FrameworkError {
  readonly code: string;
  readonly message: string;
  readonly statusCode: number | undefined;
}

/**
 * A problem for any error. Status 500 stands for one that is none of ours and has to be logged.
 * @param bodyLimit bytes that the route takes
 */
export function toProblem(error: unknown, bodyLimit?: number): HttpProblem {
  if (error instanceof HttpProblem) return error;
  if (error instanceof MeshRefusal) return fromMesh(error.problem);
  const framework = frameworkError(error);
  if (framework !== undefined) {
    const known = fromFramework(framework, bodyLimit);
    if (known !== undefined) return known;
  }
  return new HttpProblem(500, "internal", "the gateway failed to answer; its log says why");
}

/** The node's Problem, its status and code kept. */
export function fromMesh(problem: Problem): HttpProblem {
  const isError = problem.httpStatus >= 400 && problem.httpStatus <= 599;
  const status = isError ? problem.httpStatus : 500;
  const fallbackMs = status === 503 ? DEFAULT_RETRY_AFTER_MS : 0;
  return new HttpProblem(status, problem.code, problem.message, {
    field: problem.field === "" ? undefined : problem.field,
    retryAfterMs: problem.retryAfterMs === 0 ? fallbackMs : problem.retryAfterMs,
  });
}

function frameworkError(error: unknown): FrameworkError | undefined {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") {
    return undefined;
  }
  const statusCode =
    "statusCode" in error && typeof error.statusCode === "number" ? error.statusCode : undefined;
  return { code: error.code, message: error.message, statusCode };
}

function fromFramework(
  { code, message, statusCode }: FrameworkError,
  bodyLimit: number | undefined,
): HttpProblem | undefined {
  switch (code) {
    case "FST_ERR_CTP_BODY_TOO_LARGE":
      return new HttpProblem(413, "body_too_large", tooLarge(bodyLimit));
    case "FST_ERR_MAX_PARAM_LENGTH":
      return new HttpProblem(414, "malformed_request", "an id or a name in the path is too long");
    case "FST_ERR_CTP_INVALID_MEDIA_TYPE":
      return new HttpProblem(
        415,
        "unsupported_media_type",
        "send JSON with the header Content-Type: application/json",
      );
    case "FST_ERR_CTP_INVALID_CONTENT_LENGTH":
      return new HttpProblem(400, "malformed_request", "the body is not as long as Content-Length");
    case "FST_ERR_BAD_URL":
      return new HttpProblem(400, "malformed_request", "the path is not valid percent-encoding");
    default:
      return statusCode !== undefined && statusCode >= 400 && statusCode < 500
        ? new HttpProblem(statusCode, "malformed_request", message)
        : undefined;
  }
}

function tooLarge(bodyLimit: number | undefined): string {
  const bound = bodyLimit === undefined ? "" : `: ${bodyLimit} bytes at most`;
  return `the body is larger than this call takes${bound}; send less, or several tasks apart`;
}
