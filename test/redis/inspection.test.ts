// What is said of a Redis before it is relied on.
import { afterEach, expect, it } from "vitest";
import { requireRedis } from "../../src/cli/redis-ping.js";
import { configSchema } from "../../src/config/schema.js";
import { NodeRedis } from "../../src/mesh/node-redis.js";
import { RedisServer } from "../support/redis-server.js";
import { waitFor } from "../support/wait-for.js";

const TIMEOUT_MS = 2_000;
const EVICTS = "Redis has maxmemory-policy allkeys-lru: when it is full it throws tasks away";

let server: RedisServer;
afterEach(() => server.stop());

it.each([
  ["noeviction", []],
  ["allkeys-lru", [expect.stringContaining(`WARNING: ${EVICTS}`)]],
])("up warns of a Redis that evicts keys: maxmemory-policy %s", async (policy, warnings) => {
  server = await RedisServer.start({ args: ["--maxmemory-policy", policy] });
  const said: string[] = [];

  await requireRedis({ url: server.url }, TIMEOUT_MS, (line) => said.push(line));

  expect(said).toEqual(warnings);
});

it("a node warns of it, also where the policy was changed while Redis was away", async () => {
  server = await RedisServer.start();
  const redis = new NodeRedis(configSchema.parse({}), "n1", { url: server.url });
  const warnings: string[] = [];
  redis.onEvicting((warning) => warnings.push(warning));
  try {
    await waitFor("it is connected", () => redis.state.connected);
    expect(warnings).toEqual([]);

    await server.restart(["--maxmemory-policy", "allkeys-lru"]);

    await waitFor("it is warned of", () => warnings.some((one) => one.startsWith(EVICTS)));
  } finally {
    redis.close();
  }
});
