// The gateway as a whole: found through a real registry, started, stopped, and started on a taken port.
import { createServer } from "node:http";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { PortTaken } from "../../src/api/errors.js";
import { configSchema, type Config } from "../../src/config/schema.js";
import { startGateway, type RunningGateway } from "../../src/gateway/gateway.js";
import { RegistryBench, recordOf } from "../discovery/mesh-of-registries.js";
import { freePort, RedisServer } from "../support/redis-server.js";
import { until } from "../discovery/until.js";
import { FakeNode } from "./fake-node.js";

const logger = pino({ level: "silent" });
let redis: RedisServer;
let node: FakeNode;
let bench: RegistryBench;
let gateway: RunningGateway | undefined;

beforeAll(async () => {
  redis = await RedisServer.start();
  bench = new RegistryBench(redis.url);
  node = new FakeNode("n1");
  await node.start();
  node.leader = { id: "n1", address: node.address };
  node.members = [{ id: "n1", address: node.address }];
});
afterEach(async () => {
  await gateway?.stop();
  gateway = undefined;
});
afterAll(async () => {
  node.kill();
  await bench.close();
  await redis.stop();
});

async function configFor(port?: number): Promise<Config> {
  return configSchema.parse({
    mesh: "test",
    redis: { url: redis.url },
    gateway: { port: port ?? (await freePort()), retryForMs: 10_000 },
  });
}

const submit = (at: RunningGateway) =>
  fetch(`http://${at.host}:${at.port}/tasks`, {
    method: "POST",
    body: '{"type":"process"}',
    headers: { "content-type": "application/json" },
  });

it("takes a task for a node that registers after it has started", async () => {
  gateway = await startGateway({ config: await configFor(), logger });
  const answer = submit(gateway);
  const registry = await bench.registry();
  const writer = registry.writer({ ...recordOf("n1"), address: node.address }, undefined);
  await writer.start();

  expect((await answer).status).toBe(201);
  await writer.stop();
});

it("goes on without Redis once it knows a node", async () => {
  gateway = await startGateway({ config: await configFor(), logger });
  const registry = await bench.registry();
  const writer = registry.writer({ ...recordOf("n1"), address: node.address }, undefined);
  await writer.start();
  expect((await submit(gateway)).status).toBe(201);

  await redis.kill();

  expect((await submit(gateway)).status).toBe(201);
  await redis.restart();
  await writer.stop();
});

it("says which port is taken", async () => {
  const port = await freePort();
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(port, "127.0.0.1", resolve));

  await expect(startGateway({ config: await configFor(port), logger })).rejects.toThrow(PortTaken);
  await new Promise((resolve) => other.close(resolve));
});

it("lets what is under way finish when it stops, and ends waits", async () => {
  gateway = await startGateway({ config: await configFor(), logger });
  const registry = await bench.registry();
  const writer = registry.writer({ ...recordOf("n1"), address: node.address }, undefined);
  await writer.start();
  const { id } = (await (await submit(gateway)).json()) as { id: string };
  const { host, port } = gateway;
  node.holdReads = true;
  const read = fetch(`http://${host}:${port}/tasks/${id}?wait=30s`);
  await until(() => node.reads.some((request) => request.id === id));

  await gateway.stop();

  expect((await read).status).toBe(503);
  await expect(fetch(`http://${host}:${port}/health/live`)).rejects.toThrow();
  node.holdReads = false;
  await writer.stop();
});
