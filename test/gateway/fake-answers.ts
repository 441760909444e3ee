// How a fake node answers a unary call: with a message, a refusal, or never.
import { Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { PROBLEM_METADATA_KEY } from "../../src/api/status.js";
import { Problem } from "../../src/gen/mesh/v1/task_service.js";

export type Callback = (error: Partial<ServiceError> | null, response?: unknown) => void;

export class Refusal extends Error {
  constructor(readonly problem: Problem) {
    super(problem.message);
  }
}

export function problem(code: string, httpStatus: number, more: Partial<Problem> = {}): Problem {
  return {
    code,
    message: `refused: ${code}`,
    field: "",
    httpStatus,
    retryAfterMs: 0,
    logTimeMs: 0,
    ...more,
  };
}

export function refuse(code: string, httpStatus: number): never {
  throw new Refusal(problem(code, httpStatus));
}

/** A handler whose function answers, throws, or returns undefined to answer never. */
export function unary<Request>(handle: (request: Request) => unknown) {
  return (call: { request: Request }, callback: Callback): void =>
    answer(callback, () => handle(call.request));
}

export function answer(callback: Callback, handle: () => unknown): void {
  try {
    const response = handle();
    if (response !== undefined) callback(null, response);
  } catch (error) {
    if (!(error instanceof Refusal)) {
      callback({ code: status.INVALID_ARGUMENT, details: String(error) });
      return;
    }
    const metadata = new Metadata();
    metadata.set(PROBLEM_METADATA_KEY, Buffer.from(Problem.encode(error.problem).finish()));
    callback({ code: status.FAILED_PRECONDITION, details: error.message, metadata });
  }
}
