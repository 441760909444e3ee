// `taskmesh up` as a child process: the built product with ports, data folder and Redis of its own.
import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import {
  buildCli,
  cliEntry,
  type Ended,
  ended,
  isRunning,
  plainEnvironment,
} from "../cli/built-cli.js";
import { freePorts } from "./free-ports.js";
import { MeshHttp } from "./mesh-http.js";
import { descendantsOf, type ProcessInfo } from "./process-tree.js";
import { waitFor } from "./wait-for.js";

const READY_MS = 60_000;
/** What each node adds to it: they share the machine, and start a few at a time. */
const READY_PER_NODE_MS = 5_000;

export interface MeshProcessOptions {
  /** Laid over the config of the tests, section by section. */
  readonly config?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly env?: NodeJS.ProcessEnv;
  /** Nodes that found it. Default 3. */
  readonly nodes?: number;
}

export class MeshProcess {
  readonly #options: MeshProcessOptions;
  readonly folder = mkdtempSync(path.join(tmpdir(), "taskmesh-up-"));
  readonly dataDir = path.join(this.folder, "data");
  readonly http: MeshHttp;
  #child: ChildProcess | undefined;
  #end: Promise<Ended> | undefined;

  private constructor(
    readonly ports: readonly number[],
    readonly nodeIds: readonly string[],
    options: MeshProcessOptions,
  ) {
    this.#options = options;
    const [gatewayPort = 0, grpcPort = 0] = ports;
    this.http = new MeshHttp(`http://127.0.0.1:${gatewayPort}`);
    const { nodes, gateway, ...rest } = options.config ?? {};
    const config = {
      log: { level: "info", format: "json" },
      ...rest,
      nodes: { count: this.nodeIds.length, grpcPort, dataDir: this.dataDir, ...nodes },
      gateway: { port: gatewayPort, ...gateway },
    };
    writeFileSync(this.configFile, JSON.stringify(config));
  }

  /** Starts `up` and waits until it says that all is ready. */
  static async start(options: MeshProcessOptions = {}): Promise<MeshProcess> {
    buildCli();
    const { nodes = 3 } = options;
    const ids = Array.from({ length: nodes }, (_, at) => `n${at + 1}`);
    const mesh = new MeshProcess(await freePorts(1 + nodes), ids, options);
    await mesh.startAgain();
    return mesh;
  }

  get configFile(): string {
    return path.join(this.folder, "cluster.config.json");
  }

  get pid(): number {
    if (this.#child?.pid === undefined) throw new Error("up is not running");
    return this.#child.pid;
  }

  /** Starts `up` once more, on the same ports and data. */
  async startAgain(): Promise<void> {
    const child = spawn(process.execPath, [cliEntry, "up", "--json", "--config", this.configFile], {
      cwd: this.folder,
      // As under npm: `up` then ends when this process does, however that happens.
      env: { ...plainEnvironment(this.#options.env), npm_lifecycle_event: "test" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    const end = ended(child);
    this.#end = end;
    const failure = end.then(({ code, stdout, stderr }) => {
      throw new Error(`up ended with ${String(code)}: ${stderr}${stdout}`);
    });
    const patienceMs = READY_MS + READY_PER_NODE_MS * this.nodeIds.length;
    const ready = waitFor("up is ready", () => output.includes('{"gateway":'), patienceMs);
    await Promise.race([ready, failure]);
    failure.catch(() => undefined);
  }

  /** Every process that `up` has started and that still runs. */
  family(): ProcessInfo[] {
    return descendantsOf(this.pid);
  }

  gatewayPid(): number {
    const gateway = this.family().find(({ command }) => command.includes("child.js gateway"));
    if (gateway === undefined) throw new Error("no gateway runs");
    return gateway.pid;
  }

  /** Pid of a node's process, as the system has it. */
  nodePid(id: string): number {
    const node = this.family().find(({ command }) => command.includes(`node --id ${id} `));
    if (node === undefined) throw new Error(`no node ${id} runs`);
    return node.pid;
  }

  redis(): { readonly pid: number; readonly url: string } {
    const file = path.join(this.dataDir, "redis", "redis.json");
    return JSON.parse(readFileSync(file, "utf8")) as { pid: number; url: string };
  }

  async leaderId(): Promise<string> {
    return waitFor("there is a leader", async () => (await this.http.cluster()).leader?.id);
  }

  async followerId(): Promise<string> {
    const leader = await this.leaderId();
    return this.nodeIds.find((id) => id !== leader) ?? "";
  }

  /** All nodes take work, and one of them leads. */
  async whole(): Promise<void> {
    await waitFor("all nodes take work", async () => {
      const workers = await this.http.workers();
      const active = workers.filter(({ state }) => state === "active");
      return active.length === this.nodeIds.length && workers.some(({ role }) => role === "leader");
    });
  }

  /** Sends a signal to `up` and waits for its end. */
  async signal(signal: NodeJS.Signals): Promise<Ended> {
    const end = this.#end;
    if (end === undefined) throw new Error("up is not running");
    process.kill(this.pid, signal);
    return end;
  }

  /** Lock files of the data folder and of the nodes below it. */
  locks(): string[] {
    // The files that the kernel's locks are on stay, and hold nothing by themselves.
    return readdirSync(this.dataDir, { recursive: true, encoding: "utf8" }).filter((name) =>
      /^lock-|\.lock$/.test(path.basename(name)),
    );
  }

  /** Ends all of it, whatever became of it, and removes the folder. */
  async close(): Promise<void> {
    const child = this.#child;
    const end = this.#end;
    if (child?.pid !== undefined && isRunning(child.pid)) {
      const family = this.family();
      child.kill("SIGTERM");
      const timer = setTimeout(() => {
        for (const pid of [child.pid ?? 0, ...family.map((one) => one.pid)]) killQuietly(pid);
      }, 20_000);
      await end;
      clearTimeout(timer);
    }
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}
