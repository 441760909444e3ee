// What the user of a connection must be allowed, and that the database is the one that was asked for: said
// before anything is written, and each time that the connection is made anew.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { configSchema } from "../../src/config/schema.js";
import { NodeRedis } from "../../src/mesh/node/node-redis.js";
import { RedisConnection } from "../../src/redis/connection.js";
import { inspectRedis } from "../../src/redis/inspection.js";
import { RedisServer } from "../support/redis-server.js";

const TIMEOUT_MS = 2_000;
const PREFIX = "{tm:taskmesh}:";
const SCRIPT_FOLDERS = ["src/queue/redis/scripts", "src/discovery/scripts"];
const ACCESS = readFileSync("src/redis/scripts/access.lua", "utf8");

let server: RedisServer;
const cleanups: (() => void)[] = [];
beforeAll(async () => {
  server = await RedisServer.start({ args: ["--databases", "4"] });
});
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});
afterAll(() => server.stop());

async function userWith(...rules: string[]): Promise<string> {
  await server.ask((redis) =>
    redis.call("ACL", "SETUSER", "u", "reset", "on", "nopass", "~*", "&*", "+@all", ...rules),
  );
  return `redis://u:any@127.0.0.1:${server.port}`;
}

const inspect = (url: string) => inspectRedis({ url }, TIMEOUT_MS, PREFIX);

function connect(url: string): RedisConnection {
  const connection = new RedisConnection({
    endpoint: { url },
    commandTimeoutMs: TIMEOUT_MS,
    name: "test",
  });
  cleanups.push(() => connection.close());
  return connection;
}

function nodeRedis(url: string): NodeRedis {
  const redis = new NodeRedis(configSchema.parse({}), "n1", { url });
  cleanups.push(() => redis.close());
  return redis;
}

const away = (reason: string) => ({
  connected: false,
  error: expect.stringContaining(reason) as unknown as string,
});

describe("the commands that are tried", () => {
  it("are all that the scripts call", () => {
    const files = SCRIPT_FOLDERS.flatMap((folder) =>
      readdirSync(folder).map((file) => join(folder, file)),
    );
    const called = new Set<string>();
    for (const file of files) {
      const calls = readFileSync(file, "utf8").matchAll(
        /(?:redis\.p?call|in_chunks)\(\s*["']([A-Z]+)["']/g,
      );
      for (const [, command = ""] of calls) called.add(command);
    }
    expect(called.size).toBeGreaterThan(30);
    const tried = new Set([...ACCESS.matchAll(/\{ "([A-Z]+)"/g)].map(([, command]) => command));
    expect([...called].filter((command) => !tried.has(command))).toEqual([]);
  });

  it("leave nothing behind", async () => {
    expect(await inspect(await userWith())).toMatchObject({ kind: "usable" });
    expect(await server.ask((redis) => redis.keys("*"))).toEqual([]);
  });
});

describe("a user that may not do all", () => {
  it.each([
    ["-@stream", /may not call XADD, XRANGE, XREVRANGE, XREAD, XTRIM/],
    ["-zadd", /may not call ZADD/],
    ["-publish", /may not call PUBLISH/],
    ["-eval", /'eval'/],
    ["-evalsha", /'evalsha'/],
    ["-@scripting", /NOPERM/],
    ["-subscribe", /'subscribe'/],
    ["resetchannels", /PUBLISH/],
    ["-info", /'info'/],
  ])("is told at once what it lacks: %s", async (rule, reason) => {
    const finding = await inspect(await userWith(rule));
    expect(finding).toMatchObject({
      kind: "unusable",
      remedy: "let that user run every command on the keys and channels of the mesh",
    });
    expect("reason" in finding && finding.reason).toMatch(reason);
  });

  it.each(["%R~*", "~other:*"])("may lack keys: %s", async (keys) => {
    const url = await userWith("resetkeys", keys);
    expect(await inspect(url)).toMatchObject({ kind: "unusable" });
  });

  it("is not one whose server is full, or a replica that nobody may write to", async () => {
    const url = await userWith();
    await server.set("maxmemory", 1);
    expect(await inspect(url)).toMatchObject({ kind: "usable" });
    await server.set("maxmemory", 0);
  });

  it("that lost a right is told when it connects again, and goes on when it has it back", async () => {
    const url = await userWith();
    const redis = nodeRedis(url);
    await expect.poll(() => redis.state).toMatchObject({ connected: true });

    await userWith("-@stream");
    await server.ask((client) => client.call("CLIENT", "KILL", "USER", "u"));
    await expect.poll(() => redis.state).toMatchObject(away("may not call XADD"));

    await userWith();
    await expect.poll(() => redis.state).toMatchObject({ connected: true });
  });
});

describe("a database", () => {
  it("that there is is the one that is used", async () => {
    const connection = connect(`${server.url}/3`);
    await expect.poll(() => connection.state).toMatchObject({ connected: true });
    await connection.client.set("here", "yes");

    await server.ask(async (client) => {
      expect(await client.exists("here")).toBe(0);
      await client.select(3);
      expect(await client.exists("here")).toBe(1);
      await client.flushdb();
    });
  });

  it("that there is not is never taken for database 0", async () => {
    const connection = connect(`${server.url}/99`);
    const writes = setInterval(() => {
      connection.client.set("astray", "yes").catch(() => undefined);
    }, 1);
    cleanups.push(() => clearInterval(writes));

    const reason = "database 99 cannot be selected: ERR DB index is out of range";
    await expect.poll(() => connection.state).toMatchObject(away(reason));
    const finding = await inspect(`${server.url}/99`);
    expect(finding).toMatchObject({ kind: "unusable", reason });
    expect("remedy" in finding && finding.remedy).toContain("redis.database");
    expect(await server.ask((client) => client.exists("astray"))).toBe(0);
  });

  it("that the user may not select is never taken for database 0, also when it connects again", async () => {
    const allowed = await userWith();
    const connection = connect(`${allowed}/2`);
    await expect.poll(() => connection.state).toMatchObject({ connected: true });

    await userWith("-select");
    await server.ask((client) => client.call("CLIENT", "KILL", "USER", "u"));
    await expect.poll(() => connection.state).toMatchObject(away("database 2 cannot be selected"));

    await userWith();
    await expect.poll(() => connection.state).toMatchObject({ connected: true });
  });

  it.each(["/abc", "/70000", "/1/2", "/-1", "?db=abc"])(
    "is a number, which the configuration is held to: %s",
    (path) => {
      const parsed = configSchema.safeParse({ redis: { url: `redis://host${path}` } });
      expect(parsed.error?.issues[0]?.message).toBe(
        "must end with the number of a database, 0 to 65535, or with none",
      );
    },
  );

  it.each(["", "/", "/0", "/15", "?family=6"])("may be left out: %s", (path) => {
    expect(configSchema.safeParse({ redis: { url: `redis://host${path}` } }).success).toBe(true);
  });
});

describe("keys under which another mesh has its queue", () => {
  it("are left alone, and the reason is told", async () => {
    await server.ask((client) => client.set(`${PREFIX}applied`, "7 1 7 other-mesh"));
    const redis = nodeRedis(server.url);
    redis.belongsTo({ meshId: "this-mesh", supersedes: [] });

    await expect.poll(() => redis.state).toMatchObject(away("queue of another one (other-mesh)"));

    await server.ask((client) => client.del(`${PREFIX}applied`));
    await expect.poll(() => redis.state).toMatchObject({ connected: true });
  });
});
