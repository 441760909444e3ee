// A private redis-server for tests: free port, folder of its own, gone when stopped.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants } from "node:fs";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { Redis } from "ioredis";
import { freePorts } from "./free-ports.js";
import { waitFor } from "./wait-for.js";

const START_TIMEOUT_MS = 10_000;
const POLL_MS = 20;

/** For a restart that takes a while, in which it says that it is loading: a millisecond a key. */
export const SLOW_LOADING = [
  ...["--key-load-delay", "1000"],
  ...["--loading-process-events-interval-bytes", "1024"],
] as const;

export interface RedisServerOptions {
  /** Append-only file, fsynced always: `kill` then loses nothing. Without it a restart is empty. */
  readonly appendOnly?: boolean;
  /** Further settings, as command line arguments. */
  readonly args?: readonly string[];
  /** That its clients must give; `changePassword` gives it another. */
  readonly password?: string;
  /** Watches a group in place of holding data: its configuration. */
  readonly sentinel?: readonly string[];
}

/** A redis-server child process. Always `stop` it. */
export class RedisServer {
  readonly port: number;
  readonly #folder: string;
  readonly #options: RedisServerOptions;
  #child: ChildProcess | undefined;
  #password: string;

  private constructor(port: number, folder: string, options: RedisServerOptions) {
    this.port = port;
    this.#folder = folder;
    this.#options = options;
    this.#password = options.password ?? "";
  }

  static async start(options: RedisServerOptions = {}): Promise<RedisServer> {
    const folder = await mkdtemp(join(tmpdir(), "taskmesh-redis-"));
    const server = new RedisServer(await freePort(), folder, options);
    await server.#run();
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Ends the process gently and removes its folder. */
  async stop(): Promise<void> {
    await this.#end("SIGTERM");
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Ends the process at once, as a crash would; `restart` brings it back. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /** Stops all its threads where they are: sockets stay open, nothing answers. */
  freeze(): void {
    this.#child?.kill("SIGSTOP");
  }

  thaw(): void {
    this.#child?.kill("SIGCONT");
  }

  /**
   * Ends it if it runs, and starts it on the same port and folder.
   * @param args further settings, for this time
   */
  async restart(args: readonly string[] = []): Promise<void> {
    await this.#end("SIGTERM");
    await this.#run(args);
  }

  /** Ends it at once, removes what it has on disk, and starts it on the same port: an empty one. */
  async loseAll(): Promise<void> {
    await this.kill();
    for (const name of await readdir(this.#folder)) {
      await rm(join(this.#folder, name), { recursive: true, force: true });
    }
    await this.#run();
  }

  /** Removes all data, and the scripts that it knows. */
  async flush(): Promise<void> {
    await this.ask(async (client) => {
      await client.flushall();
      await client.script("FLUSH");
    });
  }

  /** On a connection of its own. */
  async ask<T>(question: (client: Redis) => Promise<T>): Promise<T> {
    const client = new Redis(this.url, this.#password === "" ? {} : { password: this.#password });
    client.on("error", () => undefined);
    try {
      return await question(client);
    } finally {
      client.disconnect();
    }
  }

  /** Writes its append-only file anew, in the form whose loading can be slowed down. */
  async compact(): Promise<void> {
    await this.ask(async (client) => {
      await client.bgrewriteaof();
      await waitFor("the append-only file is written anew", async () => {
        const info = await client.info("persistence");
        return /aof_rewrite_in_progress:0/.test(info) && /aof_rewrite_scheduled:0/.test(info);
      });
    });
  }

  /** Sets something while it runs. */
  async set(setting: string, value: string | number): Promise<void> {
    await this.ask((client) => client.config("SET", setting, value));
  }

  async #run(more: readonly string[] = []): Promise<void> {
    const listen = ["--port", String(this.port), "--bind", "127.0.0.1", "--dir", this.#folder];
    const args = [...(await this.#duty()), ...listen, ...(this.#options.args ?? []), ...more];
    const child = spawn(redisBinary(), args, { stdio: "ignore" });
    this.#child = child;
    await answering(this.url, child);
  }

  /** From now on, for those that connect; who is connected is thrown out. */
  async changePassword(password: string): Promise<void> {
    await this.set("requirepass", password);
    this.#password = password;
    await this.ask(async (client) => {
      for (const type of ["normal", "pubsub"]) await client.call("CLIENT", "KILL", "TYPE", type);
    });
  }

  async #duty(): Promise<string[]> {
    const { sentinel, appendOnly } = this.#options;
    const secret = this.#password === "" ? [] : ["--requirepass", this.#password];
    if (sentinel === undefined) {
      const file = appendOnly ? ["yes", "--appendfsync", "always"] : ["no"];
      return ["--save", "", "--appendonly", ...file, ...secret];
    }
    // It writes down there what it learns.
    const config = join(this.#folder, "sentinel.conf");
    await writeFile(config, `${sentinel.join("\n")}\n`);
    return [config, "--sentinel"];
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
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
  const [port = 0] = await freePorts(1);
  return port;
}

async function answering(url: string, child: ChildProcess): Promise<void> {
  const client = new Redis(url, {
    retryStrategy: () => POLL_MS,
    maxRetriesPerRequest: null,
    enableReadyCheck: false,
    protocol: 2,
  });
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
    // Something answers, be it that it loads its data or wants a password.
    await Promise.race([client.ping().catch(ignoreReply), failed]);
  } finally {
    failed.catch(() => undefined);
    client.disconnect();
  }
}

function ignoreReply(error: unknown): void {
  if (!(error instanceof Error) || error.name !== "ReplyError") throw error;
}
