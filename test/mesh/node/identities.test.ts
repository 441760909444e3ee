// Who is who: a data folder starts as the node and in the mesh that it is of, and a call that was meant
// for another mesh or another node is refused with whose it is.
import { credentials, status } from "@grpc/grpc-js";
import { cp } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Caller, introducedTo } from "../../../src/api/caller-identity.js";
import { ClientPool } from "../../../src/api/client-pool.js";
import { problemOf } from "../../../src/api/status.js";
import { RegistryKeys } from "../../../src/discovery/keys.js";
import { startGateway } from "../../../src/gateway/gateway.js";
import type { GetClusterResponse } from "../../../src/gen/mesh/v1/cluster_service.js";
import { WorkerServiceClient } from "../../../src/gen/mesh/v1/worker_service.js";
import { RaftServiceClient } from "../../../src/gen/raft/v1/raft.js";
import { createLogger } from "../../../src/telemetry/logger.js";
import { freePorts } from "../../support/free-ports.js";
import { TestMesh } from "../../support/start-mesh.js";

const OTHER: Caller = { mesh: "another", meshId: () => undefined };

let mesh: TestMesh;
beforeAll(async () => {
  mesh = await TestMesh.start({ nodes: 1 });
}, 60_000);
afterAll(() => mesh.close());

const foldersOfNodes = (): string => path.join(mesh.config.nodes.dataDir, "nodes");

function clusterAs(caller: Caller | undefined): Promise<GetClusterResponse> {
  const pool = new ClientPool({ caller });
  const { cluster } = pool.at(mesh.addressOf("n1"));
  return new Promise<GetClusterResponse>((resolve, reject) => {
    cluster.getCluster({}, (error, response) => {
      pool.close();
      if (error === null) resolve(response);
      else reject(error);
    });
  });
}

/** What a stream that is opened as another one's ends with. */
function endOf(stream: NodeJS.EventEmitter): Promise<unknown> {
  return new Promise((resolve) => {
    stream.on("data", () => undefined);
    stream.on("error", resolve);
  });
}

test("a data folder is not started under another id", async () => {
  await cp(path.join(foldersOfNodes(), "n1"), path.join(foldersOfNodes(), "n2"), {
    recursive: true,
  });

  await expect(mesh.startNode("n2")).rejects.toMatchObject({
    name: "NodeFailure",
    message: expect.stringMatching(
      /nodes\/n2 is the data folder of node n1, not of n2: /,
    ) as string,
  });
});

test("a data folder is not started in a mesh of another name", async () => {
  await mesh.stopNode("n1");

  const started = mesh.startNode("n1", { mesh: "renamed" });

  await expect(started).rejects.toMatchObject({
    name: "NodeFailure",
    message: expect.stringMatching(
      /is of mesh test, and the config names mesh renamed: /,
    ) as string,
  });
  await mesh.startNode("n1");
});

test("a call for another mesh is refused with whose node it reached, one that says nothing is not", async () => {
  const refused: unknown = await clusterAs(OTHER).catch((error: unknown) => error);

  expect(refused).toMatchObject({ code: status.FAILED_PRECONDITION });
  expect(problemOf(refused)).toMatchObject({
    code: "wrong_node",
    message: "node n1 is of mesh test, the caller of mesh another",
  });
  expect((await clusterAs(undefined)).members).toHaveLength(1);
});

test("a call for another mesh of the same name is refused by its id", async () => {
  const namesake = { mesh: "test", meshId: () => "01ANOTHER" };

  const refused: unknown = await clusterAs(namesake).catch((error: unknown) => error);

  expect(problemOf(refused)?.message).toMatch(/with the id .*, the caller of 01ANOTHER/);
});

test("streams of Raft and of workers are refused to another mesh, and for another node", async () => {
  const options = (caller: Caller, receiver: string) => ({
    interceptors: introducedTo(caller, receiver),
  });
  const own: Caller = { mesh: "test", meshId: () => undefined };
  const plain = credentials.createInsecure();
  const address = mesh.addressOf("n1");
  const raft = new RaftServiceClient(address, plain, options(OTHER, "n1"));
  const worker = new WorkerServiceClient(address, plain, options(own, "n7"));

  const ends = await Promise.all([endOf(raft.exchange()), endOf(worker.attach())]);

  expect(ends.map((end) => problemOf(end)?.message)).toEqual([
    "node n1 is of mesh test, the caller of mesh another",
    "this is node n1, and n7 was called",
  ]);
  raft.close();
  worker.close();
});

test("a gateway that finds nodes of another mesh at its addresses says so", async () => {
  const [port = 0] = await freePorts(1);
  const { config } = mesh;
  const members = [{ id: "n1", address: mesh.addressOf("n1") }];
  const formation = JSON.stringify({ meshId: "01ANOTHER", members });
  await mesh.redis.ask((client) => client.set(new RegistryKeys("another").formation, formation));
  const gateway = await startGateway({
    config: { ...config, mesh: "another", gateway: { ...config.gateway, port } },
    logger: createLogger({ log: { level: "silent", format: "json" } }),
  });

  const answer = await fetch(`http://127.0.0.1:${port}/tasks`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ type: "process", data: "x" }),
  });

  expect(answer.status).toBe(503);
  expect(await answer.json()).toMatchObject({
    code: "wrong_node",
    detail: "node n1 is of mesh test, the caller of mesh another",
  });
  await gateway.stop();
});
