// A Redis that is named and cannot be used is told before anything starts, with what to do.
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { findRedisServer } from "../../src/cli/redis-server.js";
import { freePorts } from "../support/free-ports.js";
import { RedisServer } from "../support/redis-server.js";
import { buildCli, cli, type Ended } from "./built-cli.js";

let redis: RedisServer | undefined;

beforeAll(() => buildCli(), 120_000);
afterEach(async () => {
  await redis?.stop();
  redis = undefined;
});

async function serve(...args: string[]): Promise<RedisServer> {
  redis = await RedisServer.start({ args });
  return redis;
}

async function up(env: NodeJS.ProcessEnv): Promise<Ended> {
  const [gateway = 0, grpc = 0] = await freePorts(4);
  const ports = { TASKMESH_GATEWAY_PORT: String(gateway), TASKMESH_GRPC_PORT: String(grpc) };
  return cli(["up"], { ...ports, ...env });
}

async function node(env: NodeJS.ProcessEnv): Promise<Ended> {
  const [port = 0] = await freePorts(1);
  return cli(["node", "--id", "n1", "--port", String(port)], env);
}

describe.each([
  ["up", up],
  ["node", node],
])("taskmesh %s", { timeout: 60_000, skip: findRedisServer() === undefined }, (_name, start) => {
  test("refuses a Redis whose password is wrong or missing, and shows none", async () => {
    const { port } = await serve("--requirepass", "secret");
    const wrong = await start({ REDIS_URL: `redis://:mistaken@127.0.0.1:${port}` });
    const missing = await start({ REDIS_URL: `redis://127.0.0.1:${port}` });

    expect([wrong.code, missing.code]).toEqual([1, 1]);
    expect(wrong.stderr).toContain(`Redis at redis://:***@127.0.0.1:${port} cannot be used`);
    expect(wrong.stderr).toContain("WRONGPASS");
    expect(missing.stderr).toContain("NOAUTH");
    expect(missing.stderr).toContain("give user and password in REDIS_URL or redis.url");
    expect(wrong.stderr + wrong.stdout).not.toContain("mistaken");
  });

  test("refuses a replica that cannot be written to, and names its primary", async () => {
    const { url } = await serve("--replicaof", "127.0.0.1", "1");

    const { code, stderr } = await start({ REDIS_URL: url });

    expect(code).toBe(1);
    expect(stderr).toContain("cannot be used (it is a read-only replica of 127.0.0.1:1); name its");
  });
});

test("up says which sentinels it asked where none of them answers", async () => {
  const { code, stderr } = await up({ TASKMESH_REDIS_SENTINELS: "127.0.0.1:1" });

  expect(code).toBe(1);
  expect(stderr).toContain("Redis of the group mymaster (sentinels 127.0.0.1:1) does not answer");
}, 60_000);
