import { Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";

import { failureOf, reasonOf } from "../../src/api/call-outcome.js";
import { PROBLEM_METADATA_KEY, statusFrom } from "../../src/api/status.js";
import { QueueError, type QueueErrorCode } from "../../src/queue/errors.js";
import { RecordingLog } from "./support.js";

/** A status without a Problem: of gRPC itself, of a proxy, or of a version that cannot be read. */
function bare(code: status, metadata = new Metadata()): ServiceError {
  return Object.assign(new Error(status[code]), { code, details: status[code], metadata });
}

function ofNode(code: QueueErrorCode): ServiceError {
  const told = statusFrom(new QueueError(code, "told so"), new RecordingLog(), "/a/B");
  return Object.assign(new Error(told.details), told);
}

describe("a call that failed", () => {
  test.each([
    [status.UNAVAILABLE, "lost"],
    [status.DEADLINE_EXCEEDED, "lost"],
    [status.CANCELLED, "lost"],
    [status.ABORTED, "lost"],
    [status.UNKNOWN, "lost"],
    [status.INTERNAL, "lost"],
    [status.DATA_LOSS, "lost"],
    [status.UNIMPLEMENTED, "refused"],
    [status.UNAUTHENTICATED, "refused"],
    [status.PERMISSION_DENIED, "refused"],
    [status.INVALID_ARGUMENT, "refused"],
    [status.RESOURCE_EXHAUSTED, "refused"],
  ])("without a word of a node: status %i is %s", (code, kind) => {
    expect(failureOf(bare(code)).kind).toBe(kind);
  });

  test.each<[QueueErrorCode, string]>([
    ["not_leader", "not-done"],
    ["no_leader", "not-done"],
    ["outcome_unknown", "lost"],
    ["overloaded", "refused"],
    ["redis_unavailable", "refused"],
    ["already_ended", "refused"],
    ["invalid_field", "refused"],
  ])("is the same from another node as from this one: %s is %s", (code, kind) => {
    expect(failureOf(ofNode(code)).kind).toBe(kind);
    expect(failureOf(new QueueError(code, "told so")).kind).toBe(kind);
  });

  test("may have done its work where the node's own words cannot be read", () => {
    const metadata = new Metadata();
    metadata.set(PROBLEM_METADATA_KEY, Buffer.from([0xff]));
    expect(failureOf(bare(status.ABORTED, metadata)).kind).toBe("lost");
  });

  test("is an error of this node where no call failed: masked, and not tried again", () => {
    const failure = failureOf(new TypeError("a secret"));
    expect(failure).toMatchObject({ kind: "refused", problem: { code: "internal" } });
    expect(JSON.stringify(failure)).not.toContain("secret");
  });

  test("is told in the node's words where it gave any", () => {
    expect(reasonOf(ofNode("not_found"))).toBe("told so");
    expect(reasonOf(bare(status.UNAVAILABLE))).toBe("UNAVAILABLE");
    expect(reasonOf(new Error("no connection"))).toBe("no connection");
  });
});
