// What is said of a Redis before it is relied on.
import { createServer } from "node:net";
import { afterEach, expect, it } from "vitest";
import { requireRedis } from "../../src/cli/redis-ping.js";
import { configSchema } from "../../src/config/schema.js";
import { NodeRedis } from "../../src/mesh/node/node-redis.js";
import { keyPrefix } from "../../src/redis/key-prefix.js";
import { RedisServer } from "../support/redis-server.js";
import { waitFor } from "../support/wait-for.js";

const TIMEOUT_MS = 2_000;
const KEYS = keyPrefix("taskmesh");
const EVICTS = "Redis has maxmemory-policy allkeys-lru: when it is full it throws tasks away";

let server: RedisServer | undefined;
let stop: (() => void) | undefined;
afterEach(async () => {
  await server?.stop();
  server = undefined;
  stop?.();
});

const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`;
/** To all but INFO. */
const ANSWERS: ReadonlyMap<string, string> = new Map([
  ["CLIENT", "+OK\r\n"],
  ["EVAL", "*0\r\n"],
  ["EVALSHA", "*0\r\n"],
  ["SUBSCRIBE", "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"],
]);

/** Port of something that answers as a Redis of that version would be asked who it is. */
async function redisThatIs(version: string): Promise<number> {
  const info = `# Server\r\nredis_version:${version}\r\nrole:master\r\nloading:0\r\n`;
  const old = createServer((socket) => {
    socket
      .on("error", () => undefined)
      .on("data", (bytes) => {
        for (const [, command] of bytes.toString().matchAll(/\*\d+\r\n\$\d+\r\n(\w+)/g)) {
          socket.write(ANSWERS.get(command?.toUpperCase() ?? "") ?? bulk(info));
        }
      });
  });
  await new Promise<void>((resolve) => old.listen(0, "127.0.0.1", resolve));
  stop = () => old.close();
  const address = old.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

it.each(["5.0.6", "6.0.16"])(
  "one that is too old is refused with what is needed: %s",
  async (version) => {
    const port = await redisThatIs(version);

    await expect(
      requireRedis({ url: `redis://127.0.0.1:${port}` }, TIMEOUT_MS, KEYS, () => undefined),
    ).rejects.toThrow(
      `cannot be used (it is Redis ${version}); taskmesh needs Redis 6.2 or newer, or Valkey`,
    );
  },
);

it.each(["6.2.0", "7.2.4", "10.0.1"])("a newer one is taken: %s", async (version) => {
  const port = await redisThatIs(version);

  await requireRedis({ url: `redis://127.0.0.1:${port}` }, TIMEOUT_MS, KEYS, () => undefined);
});

it.each([
  ["noeviction", []],
  ["allkeys-lru", [expect.stringContaining(`WARNING: ${EVICTS}`)]],
])("up warns of a Redis that evicts keys: maxmemory-policy %s", async (policy, warnings) => {
  const started = await RedisServer.start({ args: ["--maxmemory-policy", policy] });
  server = started;
  const said: string[] = [];

  await requireRedis({ url: started.url }, TIMEOUT_MS, KEYS, (line) => said.push(line));

  expect(said).toEqual(warnings);
});

it("a node warns of it, also where the policy was changed while Redis was away", async () => {
  const started = await RedisServer.start();
  server = started;
  const redis = new NodeRedis(configSchema.parse({}), "n1", { url: started.url });
  const warnings: string[] = [];
  redis.onWarning((warning) => warnings.push(warning));
  try {
    await waitFor("it is connected", () => redis.state.connected);
    expect(warnings).toEqual([]);

    await started.restart(["--maxmemory-policy", "allkeys-lru"]);

    await waitFor("it is warned of", () => warnings.some((one) => one.startsWith(EVICTS)));
  } finally {
    redis.close();
  }
});
