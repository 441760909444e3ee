// A Redis of a test's own: started on a free port, stopped, started again, wiped.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { Redis } from "ioredis";
import { until } from "./until.js";

/** The server binary: TASKMESH_REDIS_SERVER, or the first found on PATH. */
export function redisServerPath(): string | undefined {
  const named = process.env["TASKMESH_REDIS_SERVER"];
  if (named !== undefined) return named;
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return ["redis-server", "valkey-server"]
    .flatMap((name) => folders.map((folder) => join(folder, name)))
    .find((path) => existsSync(path));
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

export class RedisProcess {
  private child: ChildProcess | undefined;
  private readonly folder = mkdtempSync(join(tmpdir(), "taskmesh-redis-"));

  private constructor(
    private readonly binary: string,
    readonly port: number,
  ) {}

  static async start(): Promise<RedisProcess> {
    const binary = redisServerPath();
    if (binary === undefined) throw new Error("no redis-server on PATH");
    const redis = new RedisProcess(binary, await freePort());
    await redis.resume();
    return redis;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Starts the server, empty, on the same port as before. */
  async resume(): Promise<void> {
    const options = ["--port", String(this.port), "--bind", "127.0.0.1", "--save", ""];
    this.child = spawn(this.binary, [...options, "--dir", this.folder], { stdio: "ignore" });
    const client = this.client();
    try {
      await until(() =>
        client.ping().then(
          () => true,
          () => false,
        ),
      );
    } finally {
      client.disconnect();
    }
  }

  /** Kills the server; what it held is lost. */
  async kill(): Promise<void> {
    const child = this.child;
    if (child === undefined) return;
    this.child = undefined;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
  }

  async wipe(): Promise<void> {
    await this.with((client) => client.flushall());
  }

  /** Runs one action on a connection of its own. */
  async with<T>(action: (client: Redis) => Promise<T>): Promise<T> {
    const client = this.client();
    try {
      return await action(client);
    } finally {
      client.disconnect();
    }
  }

  async close(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private client(): Redis {
    const client = new Redis(this.url, { retryStrategy: () => 20, maxRetriesPerRequest: null });
    client.on("error", () => undefined);
    return client;
  }
}
