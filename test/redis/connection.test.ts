// A connection says why it is not there, and leaves a server that hangs, that only listens, or that is
// no primary any more.
import { afterEach, describe, expect, it } from "vitest";
import { RedisConnection, type RedisConnectionState } from "../../src/redis/connection.js";
import { endpointOf, type RedisEndpoint } from "../../src/redis/endpoint.js";
import { inspectRedis } from "../../src/redis/inspection.js";
import { configSchema } from "../../src/config/schema.js";
import { RedisGroup } from "../support/redis-group.js";
import { RedisServer, type RedisServerOptions, SLOW_LOADING } from "../support/redis-server.js";
import { waitFor } from "../support/wait-for.js";

const TIMEOUT_MS = 400;

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function serve(options: RedisServerOptions = {}): Promise<RedisServer> {
  const server = await RedisServer.start(options);
  cleanups.push(() => server.stop());
  return server;
}

function connect(endpoint: RedisEndpoint): RedisConnection {
  const connection = new RedisConnection({ endpoint, commandTimeoutMs: TIMEOUT_MS, name: "test" });
  cleanups.push(() => connection.close());
  return connection;
}

function endpointTo(redis: Readonly<Record<string, unknown>>): RedisEndpoint {
  const endpoint = endpointOf(configSchema.parse({ redis }));
  if (endpoint === undefined) throw new Error("no endpoint");
  return endpoint;
}

async function comesToBe(connection: RedisConnection, state: Partial<RedisConnectionState>) {
  await expect.poll(() => connection.state, { timeout: 20_000 }).toMatchObject(state);
}

const away = (reason: string) => ({
  connected: false,
  error: expect.stringContaining(reason) as unknown as string,
});
const well = { connected: true, error: undefined };

describe("a connection", () => {
  it("says that its password is wrong, and is there when it is right", async () => {
    const server = await serve({ password: "secret" });
    const connection = connect({ url: server.url, password: "secret" });
    await comesToBe(connection, well);

    await server.changePassword("other");
    await comesToBe(connection, away("WRONGPASS"));

    await server.changePassword("secret");
    await comesToBe(connection, well);
  });

  it("says that a password is missing", async () => {
    const server = await serve({ password: "secret" });

    await comesToBe(connect({ url: server.url }), away("NOAUTH"));
  });

  it("says that Redis loads its data, and is there when that is done", async () => {
    const server = await serve({ appendOnly: true });
    await server.ask(async (client) => {
      const pipeline = client.pipeline();
      for (let at = 0; at < 2_000; at += 1) pipeline.set(`key-${at}`, "x".repeat(100));
      await pipeline.exec();
    });
    await server.compact();
    const connection = connect({ url: server.url });
    await comesToBe(connection, well);

    await server.restart(SLOW_LOADING);

    await comesToBe(connection, away("loading"));
    await comesToBe(connection, well);
  });

  it("that only listens leaves a server that hangs", async () => {
    const server = await serve();
    const connection = connect({ url: server.url });
    await comesToBe(connection, well);
    await connection.client.subscribe("news");

    server.freeze();
    await comesToBe(connection, { connected: false });

    server.thaw();
    await comesToBe(connection, well);
  });

  it("that only listens stays while the server is well", async () => {
    const server = await serve();
    const connection = connect({ url: server.url });
    await comesToBe(connection, well);
    await connection.client.subscribe("news");
    const changes: RedisConnectionState[] = [];
    connection.onChange((state) => changes.push(state));

    const pingsSeen = () =>
      server.ask(async (client) =>
        Number(/cmdstat_ping:calls=(\d+)/.exec(await client.info("commandstats"))?.[1]),
      );
    const before = await pingsSeen();
    await waitFor("it has asked several times", async () => (await pingsSeen()) >= before + 3);

    expect(changes).toEqual([]);
  });

  it("says that it was given a replica, where it is to write", async () => {
    const server = await serve({ args: ["--replicaof", "127.0.0.1", "1"] });
    const connection = connect({ url: server.url });
    await comesToBe(connection, well);
    const told: RedisConnectionState[] = [];
    connection.onChange((state) => told.push(state));

    await expect(connection.client.set("a", "b")).rejects.toThrow("READONLY");

    await waitFor("it is told", () => told.some(({ error }) => error?.startsWith("READONLY")));
  });
});

describe("a connection by sentinels", { timeout: 60_000 }, () => {
  it.each([
    ["hangs", undefined],
    ["is killed", "secret"],
  ])("goes to the new primary when the old one %s, with password %s", async (what, password) => {
    const group = await RedisGroup.start(password);
    cleanups.push(() => group.stop());
    const endpoint = endpointTo(group.settings);
    const [writer, listener] = [connect(endpoint), connect(endpoint)];
    await comesToBe(writer, well);
    await comesToBe(listener, well);
    await listener.client.subscribe("news");
    expect(await inspectRedis(endpoint, TIMEOUT_MS, "{tm:test}:")).toMatchObject({
      kind: "usable",
    });

    if (what === "hangs") group.first.freeze();
    else await group.first.kill();
    await group.promoted();

    await waitFor("the new primary is written to", async () => {
      await writer.client.set("a", "b");
      return (await group.second.ask((client) => client.get("a"))) === "b";
    });
    await waitFor("who listens has come along", async () => {
      const clients = await group.second.ask((client) => client.call("CLIENT", "LIST"));
      return String(clients).split("name=test").length === 3;
    });
    await comesToBe(listener, well);
  });

  it("says what the sentinels say", async () => {
    const group = await RedisGroup.start();
    cleanups.push(() => group.stop());
    const endpoint = endpointTo({ ...group.settings, name: "unknown" });

    expect(await inspectRedis(endpoint, TIMEOUT_MS, "{tm:test}:")).toMatchObject({ kind: "away" });
    await comesToBe(connect(endpoint), away("No such master"));
  });
});
