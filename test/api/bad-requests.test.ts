// What a caller got wrong is INVALID_ARGUMENT, never INTERNAL or UNKNOWN: those stand for the node.
import { Client, credentials, type ServiceError, status } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";

import { createMembershipService } from "../../src/api/membership-service.js";
import { problemOf } from "../../src/api/status.js";
import { JoinMeshRequest } from "../../src/gen/mesh/v1/membership_service.js";
import { TaskServiceService } from "../../src/gen/mesh/v1/task_service.js";
import { afterTest, call, failureOf, startNode, type TestNode } from "./support.js";

/**
 * 2^64 - 1, more than a number of JavaScript holds, in the fourth field: min_index of a
 * GetTaskRequest, from_index of a WatchTasksRequest.
 */
const HUGE_INDEX = Buffer.from([0x20, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1]);
const TRUNCATED = Buffer.from([0x0a, 200]);
/** A first field, the id, of one byte that begins no character. */
const NO_UTF8 = Buffer.from([0x0a, 1, 0xff]);
/** Half of a surrogate pair in the way that some encoders write it. */
const HALF_PAIR = Buffer.from([0x0a, 3, 0xed, 0xa0, 0x80]);

function rawClient(node: TestNode): Client {
  const client = new Client(node.address, credentials.createInsecure());
  afterTest(() => {
    client.close();
    return Promise.resolve();
  });
  return client;
}

const same = (bytes: Buffer): Buffer => bytes;

function unary(node: TestNode, path: string, bytes: Buffer): Promise<ServiceError> {
  return new Promise((resolve, reject) => {
    rawClient(node).makeUnaryRequest(path, same, same, bytes, (error) => {
      if (error === null) reject(new Error("it was answered"));
      else resolve(error);
    });
  });
}

describe("a request that cannot be decoded", () => {
  test.each([
    ["a number that is too large", HUGE_INDEX, "MAX_SAFE_INTEGER"],
    ["a message that ends early", TRUNCATED, "the request cannot be read"],
    ["text that is no UTF-8", NO_UTF8, "a string in it is not in UTF-8"],
    ["half of a surrogate pair", HALF_PAIR, "a string in it is not in UTF-8"],
  ])("is the caller's fault: %s", async (_what, bytes, said) => {
    const node = await startNode();

    const error = await unary(node, TaskServiceService.getTask.path, bytes);

    expect(error.code).toBe(status.INVALID_ARGUMENT);
    expect(error.details).toContain(said);
    expect(problemOf(error)).toMatchObject({ code: "invalid_field", httpStatus: 422 });
    expect(node.log.errors).toEqual([]);
  });

  test("ends a stream in the same way", async () => {
    const node = await startNode();
    const stream = rawClient(node).makeServerStreamRequest(
      TaskServiceService.watchTasks.path,
      same,
      same,
      HUGE_INDEX,
    );

    const error = await new Promise<ServiceError>((resolve) => {
      stream.on("error", resolve).resume();
    });

    expect(error.code).toBe(status.INVALID_ARGUMENT);
  });
});

test.each(["getTask", "cancelTask", "retryTask", "whyTask", "listTaskLogs"] as const)(
  "%s without an id says that it is missing",
  async (method) => {
    const node = await startNode();
    node.leadership.become({ kind: "self" });

    const error = await unary(node, TaskServiceService[method].path, Buffer.alloc(0));

    expect(error.code).toBe(status.INVALID_ARGUMENT);
    expect(error.details).toBe("id is missing: say which");
    expect(node.queue.calls).toEqual([]);
  },
);

test("what a method throws before its first promise is a refusal like any other", async () => {
  const node = await startNode();
  const service = createMembershipService({
    meshId: "m1",
    admissions: { join: () => Promise.resolve(undefined) },
    forwarder: { run: () => Promise.reject(new Error("not asked")) } as never,
    log: node.log,
  });

  const error = await failureOf(
    call((request, _metadata, _options, answer) => {
      Reflect.apply(service.joinMesh, undefined, [
        { request, once: () => undefined, getDeadline: () => Infinity, getPath: () => "" },
        answer,
      ]);
      return {} as never;
    }, JoinMeshRequest.decode(new Uint8Array())),
  );

  expect(error.code).toBe(status.INVALID_ARGUMENT);
  expect(error.details).toBe("this node is of mesh m1");
});
