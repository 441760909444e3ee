// The mesh of a scenario: processes, Redis, ports and data folder of its own, with default settings
// whatever the user's config says, and nothing left of it at the end.
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { CONFIG_FILE, loadConfig } from "../../config/load.js";
import type { Config } from "../../config/schema.js";
import { createLogger } from "../../telemetry/logger.js";
import { ExitError } from "../exit.js";
import { MeshLauncher } from "../mesh-launcher.js";
import { nodeAddress, gatewayUrl, type NodePlace, nodePlaces } from "../places.js";
import { freePortRun } from "../ports.js";
import { nodesAtWork } from "./nodes-at-work.js";
import { ScenarioClient } from "./scenario-client.js";

const LOG_FILE = "mesh.log";

export interface MeshShape {
  /** Nodes that found it. */
  readonly nodes: number;
  /** Nodes that may join later. */
  readonly spareNodes?: number;
  /** Tasks that a node runs at a time. Default: that of the config. */
  readonly concurrency?: number;
  /** Whether links can be cut. */
  readonly chaos?: boolean;
}

export class ScenarioMesh {
  readonly #config: Config;
  readonly #launcher: MeshLauncher;
  readonly #folder: string;
  readonly #log: number;
  private constructor(
    readonly client: ScenarioClient,
    config: Config,
    launcher: MeshLauncher,
    folder: string,
    log: number,
  ) {
    this.#config = config;
    this.#launcher = launcher;
    this.#folder = folder;
    this.#log = log;
  }

  /** Makes its folder and chooses its ports; nothing runs yet. */
  static async prepare(shape: MeshShape, say: (line: string) => void): Promise<ScenarioMesh> {
    const firstPort = await freePortRun(1 + shape.nodes + (shape.spareNodes ?? 0));
    const folder = mkdtempSync(path.join(tmpdir(), "taskmesh-scenario-"));
    const file = path.join(folder, CONFIG_FILE);
    writeFileSync(file, JSON.stringify(settingsOf(shape, firstPort)));
    const { config } = loadConfig({ file, env: {}, cwd: folder });
    const log = openSync(path.join(folder, LOG_FILE), "a");
    const launcher = new MeshLauncher({
      config,
      file,
      // What a scenario kills stays dead: what becomes of its tasks is the question.
      restart: false,
      logger: createLogger({ log: { level: "silent", format: "json" } }),
      say,
      env: plainEnvironment(),
      output: log,
    });
    return new ScenarioMesh(new ScenarioClient(gatewayUrl(config)), config, launcher, folder, log);
  }

  /** Starts it and waits until every node takes work. */
  async start(signal: AbortSignal): Promise<void> {
    await this.#launcher.start();
    await nodesAtWork(this.client, this.#config.nodes.count, { signal });
  }

  /** File that all processes of the mesh write their log to. */
  get logFile(): string {
    return path.join(this.#folder, LOG_FILE);
  }

  /** Ends a node as `kill -9` does; resolves with the time at which it was done. */
  killNode(id: string): number {
    const pid = this.#launcher.nodePid(id);
    if (pid === undefined) throw new ExitError(`${id} has ended by itself`);
    process.kill(pid, "SIGKILL");
    return Date.now();
  }

  /** Stops a node as a good operator does, and starts it again on its data; resolves when it is ready. */
  async restartNode(id: string): Promise<void> {
    const place = this.#placeOf(id);
    await this.#launcher.stopNode(id);
    await this.#launcher.addNodes([place]);
  }

  /** Starts `count` further nodes and resolves with their ids when they are ready. */
  async addNodes(count: number): Promise<readonly string[]> {
    const { nodes } = this.#config;
    const places = Array.from({ length: count }, (_, index) => ({
      id: `n${nodes.count + index + 1}`,
      port: nodes.grpcPort + nodes.count + index,
    }));
    await this.#launcher.addNodes(places);
    return places.map(({ id }) => id);
  }

  /** Address of a node that founded the mesh. */
  addressOf(id: string): string {
    return nodeAddress(this.#config, this.#placeOf(id).port);
  }

  /** Kills Redis; it stays down. */
  killRedis(): Promise<void> {
    return this.#launcher.killRedis();
  }

  /** Starts Redis again with the data that it had. */
  reviveRedis(): Promise<void> {
    return this.#launcher.reviveRedis();
  }

  /** Ends all of it; removes its folder unless that is to be kept. */
  async close(keep: boolean): Promise<void> {
    await this.#launcher.stop();
    closeSync(this.#log);
    if (!keep) this.#remove();
  }

  /** Ends all of it at once. */
  kill(): void {
    this.#launcher.kill();
    this.#remove();
  }

  #placeOf(id: string): NodePlace {
    const place = nodePlaces(this.#config).find((one) => one.id === id);
    if (place === undefined) throw new Error(`${id} is no founder`);
    return place;
  }

  #remove(): void {
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

function settingsOf(shape: MeshShape, firstPort: number): Readonly<Record<string, unknown>> {
  const { nodes, concurrency, chaos = false } = shape;
  return {
    mesh: "scenario",
    nodes: { count: nodes, grpcPort: firstPort + 1, dataDir: "data" },
    gateway: { port: firstPort },
    // Nothing of it is needed afterwards, so nothing is waited for at the end.
    worker: { stopGraceMs: 0, ...(concurrency === undefined ? {} : { concurrency }) },
    chaos: { enabled: chaos },
    log: { format: "json" },
  };
}

// What would configure the user's own mesh has no say here; where a Redis server is found does.
function plainEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) =>
        name === "TASKMESH_REDIS_SERVER" || !(name.startsWith("TASKMESH_") || name === "REDIS_URL"),
    ),
  );
}
