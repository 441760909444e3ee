// A private redis-server for tests: free port, folder of its own, gone when stopped.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { Redis } from "ioredis";

const START_TIMEOUT_MS = 10_000;
const POLL_MS = 20;

export interface RedisServerOptions {
  /** Append-only file, fsynced always: `kill` then loses nothing. Without it a restart is empty. */
  readonly appendOnly?: boolean;
  /** Further settings, as command line arguments. */
  readonly args?: readonly string[];
}

/** A redis-server child process. Always `stop` it. */
export class RedisServer {
  readonly port: number;
  private readonly folder: string;
  private readonly options: RedisServerOptions;
  private child: ChildProcess | undefined;

  private constructor(port: number, folder: string, options: RedisServerOptions) {
    this.port = port;
    this.folder = folder;
    this.options = options;
  }

  static async start(options: RedisServerOptions = {}): Promise<RedisServer> {
    const folder = await mkdtemp(join(tmpdir(), "taskmesh-redis-"));
    const server = new RedisServer(await freePort(), folder, options);
    await server.run();
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Ends the process gently and removes its folder. */
  async stop(): Promise<void> {
    await this.end("SIGTERM");
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Ends the process at once, as a crash would; `restart` brings it back. */
  async kill(): Promise<void> {
    await this.end("SIGKILL");
  }

  /** Stops all its threads where they are: sockets stay open, nothing answers. */
  freeze(): void {
    this.child?.kill("SIGSTOP");
  }

  thaw(): void {
    this.child?.kill("SIGCONT");
  }

  /** Ends it if it runs, and starts it on the same port and folder. */
  async restart(): Promise<void> {
    await this.end("SIGTERM");
    await this.run();
  }

  /** Ends it at once, removes what it has on disk, and starts it on the same port: an empty one. */
  async loseAll(): Promise<void> {
    await this.kill();
    for (const name of await readdir(this.folder)) {
      await rm(join(this.folder, name), { recursive: true, force: true });
    }
    await this.run();
  }

  /** Removes all data, and the scripts that it knows. */
  async flush(): Promise<void> {
    const client = new Redis(this.url);
    await client.flushall();
    await client.script("FLUSH");
    await client.quit();
  }

  private async run(): Promise<void> {
    const persistence = this.options.appendOnly
      ? ["--appendonly", "yes", "--appendfsync", "always"]
      : ["--appendonly", "no"];
    const child = spawn(
      redisBinary(),
      [
        ...["--port", String(this.port), "--bind", "127.0.0.1", "--save", "", "--dir", this.folder],
        ...persistence,
        ...(this.options.args ?? []),
      ],
      { stdio: "ignore" },
    );
    this.child = child;
    await answering(this.url, child);
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    const { child } = this;
    this.child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGCONT");
    child.kill(signal);
    await once(child, "exit");
  }
}

/** The server to test with: TASKMESH_REDIS_SERVER, else the first of the known names on PATH. */
export function redisBinary(): string {
  const configured = process.env["TASKMESH_REDIS_SERVER"];
  if (configured !== undefined && configured !== "") return configured;
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  for (const name of ["redis-server", "valkey-server"]) {
    for (const folder of folders) {
      const path = join(folder, name);
      if (isExecutable(path)) return path;
    }
  }
  throw new Error("redis-server or valkey-server is needed on PATH, or TASKMESH_REDIS_SERVER");
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

async function answering(url: string, child: ChildProcess): Promise<void> {
  const client = new Redis(url, { retryStrategy: () => POLL_MS, maxRetriesPerRequest: null });
  client.on("error", () => undefined);
  const failed = new Promise<never>((_resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error("redis-server does not answer")),
      START_TIMEOUT_MS,
    );
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`redis-server ended with ${String(code)}`)));
    client.once("end", () => clearTimeout(timer));
  });
  try {
    await Promise.race([client.ping(), failed]);
  } finally {
    failed.catch(() => undefined);
    client.disconnect();
  }
}
