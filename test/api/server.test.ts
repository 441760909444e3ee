import { execFile } from "node:child_process";
import { promisify } from "node:util";

import { credentials } from "@grpc/grpc-js";
import { describe, expect, test, vi } from "vitest";

import { BindFailed, PortTaken } from "../../src/api/errors.js";
import { HEALTH_SERVICES } from "../../src/api/health-service.js";
import { createGrpcServer } from "../../src/api/server.js";
import {
  type HealthCheckResponse,
  HealthCheckResponse_ServingStatus as ServingStatus,
  HealthClient,
} from "../../src/gen/grpc/health/v1/health.js";
import { call, failureOf, startNode, submit, afterTest, type TestNode } from "./support.js";

const run = promisify(execFile);

describe("createGrpcServer", () => {
  test("says which port is taken", async () => {
    const node = await startNode();
    const { port } = node.server;
    const again = createGrpcServer({ host: "127.0.0.1", port, services: [] });
    const error = await again.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(PortTaken);
    expect(error).toMatchObject({ host: "127.0.0.1", port });
    expect((error as Error).message).toBe(`127.0.0.1:${port} is taken by another process`);
  });

  test("says why an address that is not this machine's cannot be listened on", async () => {
    const starting = createGrpcServer({ host: "192.0.2.1", port: 0, services: [] });
    await expect(starting).rejects.toBeInstanceOf(BindFailed);
  });

  test("lets a call under way end before it closes", async () => {
    const node = await startNode();
    node.leadership.become({ kind: "self" });
    let answer: (() => void) | undefined;
    const keep = node.queue.submit.bind(node.queue);
    node.queue.submit = async (request) => {
      await new Promise<void>((resolve) => {
        answer = resolve;
      });
      return keep(request);
    };
    const submitted = submit(node);
    await vi.waitFor(() => expect(answer).toBeDefined());
    const closed = node.server.close(60_000);
    answer?.();
    expect((await submitted).created).toBe(true);
    await closed;
  });

  test("ends calls that outlast the grace time, and closes once", async () => {
    const node = await startNode();
    node.leadership.become({ kind: "self" });
    let underWay = false;
    node.queue.submit = () => {
      underWay = true;
      return new Promise(() => undefined);
    };
    const submitted = failureOf(submit(node));
    await vi.waitFor(() => expect(underWay).toBe(true));
    const closed = node.server.close(20);
    expect(node.server.close(60_000)).toBe(closed);
    await closed;
    expect((await submitted).code).not.toBe(0);
  });
});

describe("health", () => {
  const clientOf = (node: TestNode): HealthClient => {
    const client = new HealthClient(node.address, credentials.createInsecure());
    afterTest(() => client.close());
    return client;
  };

  test("is told per service by Check", async () => {
    const node = await startNode();
    const client = clientOf(node);
    const check = (service: string) => call(client.check.bind(client), { service });
    expect((await check("")).status).toBe(ServingStatus.NOT_SERVING);
    node.health.setServing("", true);
    expect((await check("")).status).toBe(ServingStatus.SERVING);
    expect((await check("raft.v1.RaftService")).status).toBe(ServingStatus.NOT_SERVING);
    expect((await failureOf(check("no.such.Service"))).code).toBe(5);
  });

  test("is told by Watch at each change, once", async () => {
    const node = await startNode();
    const seen: ServingStatus[] = [];
    const watching = clientOf(node).watch({ service: "mesh.v1.TaskService" });
    watching.on("error", () => undefined);
    watching.on("data", ({ status }: HealthCheckResponse) => seen.push(status));
    await vi.waitFor(() => expect(seen).toHaveLength(1));
    node.health.setAllServing(true);
    node.health.setAllServing(true);
    node.health.setServing("mesh.v1.TaskService", false);
    const { NOT_SERVING, SERVING } = ServingStatus;
    await vi.waitFor(() => expect(seen).toEqual([NOT_SERVING, SERVING, NOT_SERVING]));
    watching.cancel();
  });
});

const hasGrpcurl = await run("grpcurl", ["--version"]).then(
  () => true,
  () => false,
);

describe.skipIf(!hasGrpcurl)("grpcurl (skipped where grpcurl is not on PATH)", () => {
  const grpcurl = async (node: TestNode, before: string[], after: string[]): Promise<string> => {
    const { stdout } = await run("grpcurl", ["-plaintext", ...before, node.address, ...after]);
    return stdout;
  };

  test("lists the services", async () => {
    const listed = await grpcurl(await startNode(), [], ["list"]);
    expect(listed.trim().split("\n")).toEqual([
      "grpc.health.v1.Health",
      "grpc.reflection.v1.ServerReflection",
      "grpc.reflection.v1alpha.ServerReflection",
      "mesh.v1.ChaosService",
      "mesh.v1.ClusterService",
      "mesh.v1.LivenessService",
      "mesh.v1.MembershipService",
      "mesh.v1.QueueService",
      "mesh.v1.ScheduleService",
      "mesh.v1.TaskService",
      "mesh.v1.WorkerService",
      "raft.v1.RaftService",
    ]);
    for (const name of listed.trim().split("\n")) expect(HEALTH_SERVICES).toContain(name);
  });

  test.each([
    ["mesh.v1.TaskService.SubmitTask", "rpc SubmitTask ( .mesh.v1.SubmitTaskRequest )"],
    [".mesh.v1.Task", "  optional int64 started_at_ms = 11;"],
    [".mesh.v1.Task", "  .mesh.v1.TaskStatus status = 6;"],
    [".mesh.v1.SubmitTaskResult", "  oneof outcome {"],
    [".mesh.v1.Command", ".mesh.v1.SubmitCommand submit = 1;"],
    ["mesh.v1.TaskStatus", "TASK_STATUS_DEAD = 6;"],
    ["grpc.health.v1.Health", "rpc Check"],
    [".grpc.health.v1.HealthListResponse", "map<string, .grpc.health.v1.HealthCheckResponse>"],
    ["raft.v1.RaftService", "rpc Exchange ( stream .raft.v1.ExchangeRequest )"],
  ])("describes %s as it stands in the .proto file", async (symbol, text) => {
    expect(await grpcurl(await startNode(), [], ["describe", symbol])).toContain(text);
  });

  test("shows the comments of the .proto files", async () => {
    const described = await grpcurl(await startNode(), [], ["describe", "mesh.v1.TaskService"]);
    expect(described).toContain("// Answers after the submission is on disk on a majority");
  });

  test("submits a task", async () => {
    const node = await startNode();
    node.leadership.become({ kind: "self" });
    const data = '{"type":"process","data":"\\"hi\\"","priority":9}';
    const answer = await grpcurl(node, ["-d", data], ["mesh.v1.TaskService/SubmitTask"]);
    expect(JSON.parse(answer)).toMatchObject({
      task: { type: "process", data: '"hi"', status: "TASK_STATUS_PENDING" },
      created: true,
    });
    expect(node.queue.submitCalls[0]?.items[0]?.priority).toBe(9);
  });
});
