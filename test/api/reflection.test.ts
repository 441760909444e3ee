// Server reflection as a client without .proto files uses it.
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { credentials, makeClientConstructor, type ServiceDefinition, status } from "@grpc/grpc-js";
import { loadFileDescriptorSetFromBuffer } from "@grpc/proto-loader";
import { describe, expect, test } from "vitest";

import { HEALTH_SERVICES } from "../../src/api/health-service.js";
import { MAX_REFLECTION_REQUEST_BYTES } from "../../src/api/limits.js";
import { ServerReflectionClient as AlphaClient } from "../../src/gen/grpc/reflection/v1alpha/reflection.js";
import {
  ServerReflectionClient,
  type ServerReflectionRequest,
  type ServerReflectionResponse,
} from "../../src/gen/grpc/reflection/v1/reflection.js";
import { afterTest, call, failureOf, startNode, type TestNode } from "./support.js";
import type { UnaryStub } from "../../src/api/unary-client.js";

type Question = ServerReflectionRequest["messageRequest"];

/** Asks all on one stream. */
async function ask(
  { address }: TestNode,
  questions: readonly Question[],
  Client: typeof ServerReflectionClient | typeof AlphaClient = ServerReflectionClient,
): Promise<ServerReflectionResponse["messageResponse"][]> {
  const client = new Client(address, credentials.createInsecure());
  afterTest(() => client.close());
  const stream = client.serverReflectionInfo();
  for (const messageRequest of questions) stream.write({ host: "", messageRequest });
  stream.end();
  const answers: ServerReflectionResponse[] = [];
  for await (const answer of stream as AsyncIterable<ServerReflectionResponse>) {
    answers.push(answer);
  }
  return answers.map(({ messageResponse }) => messageResponse);
}

const symbol = (value: string): Question => ({ $case: "fileContainingSymbol", value });

function filesOf(answer: ServerReflectionResponse["messageResponse"]) {
  if (answer?.$case !== "fileDescriptorResponse") throw new Error(JSON.stringify(answer));
  return answer.value.fileDescriptorProto.map((each) =>
    fromBinary(FileDescriptorProtoSchema, each),
  );
}

describe("server reflection", () => {
  test.each([
    ["v1", ServerReflectionClient],
    ["v1alpha", AlphaClient],
  ])("%s lists every service that there is", async (_, Client) => {
    const [answer] = await ask(await startNode(), [{ $case: "listServices", value: "*" }], Client);

    if (answer?.$case !== "listServicesResponse") throw new Error(JSON.stringify(answer));
    const names = answer.value.service.map(({ name }) => name);
    expect(names.sort()).toEqual(HEALTH_SERVICES.filter((name) => name !== "").sort());
  });

  test("tells enough of a service to call it", async () => {
    const node = await startNode();
    node.leadership.become({ kind: "self" });
    const [answer] = await ask(node, [symbol("mesh.v1.TaskService")]);
    const set = create(FileDescriptorSetSchema, { file: filesOf(answer) });

    const loaded = loadFileDescriptorSetFromBuffer(
      Buffer.from(toBinary(FileDescriptorSetSchema, set)),
    );
    const Client = makeClientConstructor(loaded["mesh.v1.TaskService"] as ServiceDefinition, "");
    const client = new Client(node.address, credentials.createInsecure());
    afterTest(() => client.close());
    const submitTask = client["SubmitTask"]?.bind(client) as UnaryStub<object, object>;

    const submitted = await call(submitTask, { type: "process", data: '"hi"' });
    expect(submitted).toMatchObject({ created: true, task: { type: "process", data: '"hi"' } });
  });

  test.each([
    ["mesh.v1.TaskService", "mesh/v1/task_service.proto"],
    ["mesh.v1.TaskService.SubmitTask", "mesh/v1/task_service.proto"],
    ["mesh.v1.Task", "mesh/v1/task.proto"],
    ["mesh.v1.Task.started_at_ms", "mesh/v1/task.proto"],
    ["mesh.v1.TaskStatus", "mesh/v1/task.proto"],
    ["mesh.v1.TASK_STATUS_DEAD", "mesh/v1/task.proto"],
    ["mesh.v1.SubmitTaskResult.outcome", "mesh/v1/task_service.proto"],
    ["grpc.health.v1.HealthCheckResponse.ServingStatus", "grpc/health/v1/health.proto"],
    ["grpc.health.v1.HealthCheckResponse.SERVING", "grpc/health/v1/health.proto"],
  ])("finds %s in %s, and what that stands on", async (name, file) => {
    const [answer] = await ask(await startNode(), [symbol(name)]);

    const found = filesOf(answer);
    const names = found.map((each) => each.name);
    expect(names[0]).toBe(file);
    expect(names).toHaveLength(new Set(names).size);
    expect(names).toEqual(expect.arrayContaining(found.flatMap(({ dependency }) => dependency)));
  });

  test("answers what it does not know with an error, and goes on", async () => {
    const unknown = await ask(await startNode(), [
      symbol("mesh.v1.Nothing"),
      { $case: "fileByFilename", value: "mesh/v1/nothing.proto" },
      {
        $case: "fileContainingExtension",
        value: { containingType: "mesh.v1.Task", extensionNumber: 1 },
      },
      { $case: "allExtensionNumbersOfType", value: "mesh.v1.Nothing" },
      undefined,
      { $case: "fileByFilename", value: "mesh/v1/task.proto" },
      { $case: "allExtensionNumbersOfType", value: "mesh.v1.Task" },
    ]);

    const codes = unknown.map((answer) =>
      answer?.$case === "errorResponse" ? answer.value.errorCode : answer?.$case,
    );
    const { NOT_FOUND, INVALID_ARGUMENT } = status;
    expect(codes).toEqual([
      NOT_FOUND,
      NOT_FOUND,
      NOT_FOUND,
      NOT_FOUND,
      INVALID_ARGUMENT,
      "fileDescriptorResponse",
      "allExtensionNumbersResponse",
    ]);
  });

  test("refuses a question that is no name of anything", async () => {
    const long = "x".repeat(MAX_REFLECTION_REQUEST_BYTES);

    expect((await failureOf(ask(await startNode(), [symbol(long)]))).code).toBe(status.INTERNAL);
  });
});
