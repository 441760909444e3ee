import { Metadata, status } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";

import {
  MAX_PROBLEM_MESSAGE_LENGTH,
  PROBLEM_METADATA_KEY,
  problemFrom,
  problemOf,
  queueErrorFrom,
  statusFrom,
} from "../../src/api/status.js";
import { QueueError, type QueueErrorCode } from "../../src/queue/errors.js";
import { RecordingLog } from "./support.js";

const CODES: readonly (readonly [QueueErrorCode, status, number])[] = [
  ["invalid_field", status.INVALID_ARGUMENT, 422],
  ["unknown_type", status.FAILED_PRECONDITION, 422],
  ["invalid_cursor", status.INVALID_ARGUMENT, 422],
  ["too_many_items", status.INVALID_ARGUMENT, 422],
  ["not_found", status.NOT_FOUND, 404],
  ["not_retryable", status.FAILED_PRECONDITION, 409],
  ["already_ended", status.FAILED_PRECONDITION, 409],
  ["last_worker", status.FAILED_PRECONDITION, 409],
  ["no_leader", status.UNAVAILABLE, 503],
  ["overloaded", status.RESOURCE_EXHAUSTED, 503],
  ["redis_unavailable", status.UNAVAILABLE, 503],
  ["not_leader", status.FAILED_PRECONDITION, 503],
  ["outcome_unknown", status.ABORTED, 503],
];

const asServiceError = (from: ReturnType<typeof statusFrom>): Error =>
  Object.assign(new Error(from.details), from);

describe("statuses", () => {
  test.each(CODES)("%s keeps all that it says on its way to a client", (code, grpc, http) => {
    const error = new QueueError(code, "why", { field: "a.b", retryAfterMs: 1_500, logTimeMs: 7 });
    const answer = statusFrom(error, new RecordingLog(), "/m");
    expect(answer.code).toBe(grpc);
    const problem = problemOf(asServiceError(answer));
    expect(problem).toEqual({
      code,
      message: "why",
      field: "a.b",
      httpStatus: http,
      retryAfterMs: 1_500,
      logTimeMs: 7,
    });
    if (problem === undefined) throw new Error("a problem was expected");
    expect(queueErrorFrom(problem)).toMatchObject({
      code,
      field: "a.b",
      retryAfterMs: 1_500,
      logTimeMs: 7,
    });
  });

  test("masks an unknown error and logs its cause", () => {
    const log = new RecordingLog();
    const cause = new Error("password=secret");
    const answer = statusFrom(cause, log, "/mesh.v1.TaskService/GetTask");
    expect(answer.code).toBe(status.INTERNAL);
    expect(JSON.stringify(problemFrom(cause)) + answer.details).not.toContain("secret");
    expect(problemOf(asServiceError(answer))).toMatchObject({ code: "internal", httpStatus: 500 });
    expect(log.errors).toEqual([
      { fields: { err: cause, method: "/mesh.v1.TaskService/GetTask" }, message: "a call failed" },
    ]);
  });

  test("fits any message into a header: bounded, and without half characters", () => {
    const text = `${"x".repeat(MAX_PROBLEM_MESSAGE_LENGTH - 1)}😀 and more`;
    const { details } = statusFrom(new QueueError("not_found", text), new RecordingLog(), "/m");
    expect(details).toHaveLength(MAX_PROBLEM_MESSAGE_LENGTH);
    expect(() => encodeURI(details)).not.toThrow();
  });

  test("finds no problem in what no node answered", () => {
    const unreachable = Object.assign(new Error("14"), {
      code: status.UNAVAILABLE,
      details: "",
      metadata: new Metadata(),
    });
    const garbled = new Metadata();
    garbled.set(PROBLEM_METADATA_KEY, Buffer.from([0xff, 0xff, 0xff]));
    expect(problemOf(unreachable)).toBeUndefined();
    expect(
      problemOf(Object.assign(new Error("x"), { code: 2, metadata: garbled })),
    ).toBeUndefined();
    expect(problemOf(new Error("anything"))).toBeUndefined();
    expect(problemOf(undefined)).toBeUndefined();
  });
});
