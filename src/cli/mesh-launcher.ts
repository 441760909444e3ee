// Starts a whole mesh as child processes, in order, and stops it in the reverse order: what others
// lean on starts first and stops last.
import { availableParallelism } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { Config } from "../config/schema.js";
import { keyPrefix } from "../redis/key-prefix.js";
import { endpointOf, type RedisEndpoint } from "../redis/endpoint.js";
import { isPretty, type Logger } from "../telemetry/logger.js";
import { ExitError } from "./exit.js";
import { advertisedPort, gatewayUrl, type NodePlace, nodeAddress, nodePlaces } from "./places.js";
import { gatewayNotReady, nodeNotReady } from "./readiness.js";
import { pingRedis, requireRedis } from "./redis-ping.js";
import { redisPort } from "./redis-port.js";
import { ensureRedisServer } from "./redis-server.js";
import { type GroupProgress, startInGroups } from "./start-in-groups.js";
import { stopBounds } from "./stop-bounds.js";
import { type ChildSpec, SupervisedChild } from "./supervised-child.js";

/** Half of V8's own choice: an idle process keeps all that it ever took of it, some 20 MB less so. */
const SEMI_SPACE_MB = 8;
const REDIS_PING_MS = 3_000;
/** Nodes that start at the same time: more where there are more cores, and within reason. */
export const NODES_AT_A_TIME = Math.min(Math.max(3, availableParallelism()), 8);
const READY_MS = 60_000;
/** What each node adds to it: they share the machine. */
const READY_PER_NODE_MS = 3_000;

/** Environment variable of nodes.advertise.port. */
const ADVERTISED_PORT = "TASKMESH_NODES_ADVERTISE_PORT";

export interface LaunchOptions {
  readonly config: Config;
  /** Config file that the children read, too. */
  readonly file: string | undefined;
  readonly restart: boolean;
  readonly logger: Logger;
  /** Told what is done that may take a while. */
  readonly say: (line: string) => void;
  /** Environment of the children, under what is settled here. Default: that of this process. */
  readonly env?: NodeJS.ProcessEnv;
  /** File descriptor for what the children print. Default: where this process prints. */
  readonly output?: number;
}

/** A mesh of child processes: Redis where none is named, the nodes, the gateway. */
export class MeshLauncher {
  readonly #options: LaunchOptions;
  #redis: SupervisedChild | undefined;
  #redisSpec: ChildSpec | undefined;
  #endpoint: RedisEndpoint | undefined;
  #nodes: readonly SupervisedChild[] = [];
  #gateway: SupervisedChild | undefined;
  #stopped: Promise<void> | undefined;

  constructor(options: LaunchOptions) {
    this.#options = options;
  }

  /** Starts all and waits until all are ready; returns the Redis in use. */
  async start(): Promise<RedisEndpoint> {
    const endpoint = await this.#startRedis();
    this.#endpoint = endpoint;
    this.#checkNotStopped();
    const { config, logger } = this.#options;
    const env = this.#childEnvironment();
    this.#gateway = new SupervisedChild(this.#gatewaySpec(env), logger);
    const nodes = this.#startNodes(nodePlaces(config), this.#founders);
    await Promise.all([nodes, this.#gateway.start()]);
    return endpoint;
  }

  /** Starts Redis alone, where none is named; returns the one in use. */
  startRedis(): Promise<RedisEndpoint> {
    return this.#startRedis();
  }

  /** Starts further nodes and waits until they are ready. */
  addNodes(places: readonly NodePlace[]): Promise<void> {
    return this.#startNodes(places, NODES_AT_A_TIME);
  }

  /** Pid of a node that was started here and runs. */
  nodePid(id: string): number | undefined {
    return this.#startedNode(id)?.pid;
  }

  /** Stops a node that was started here as a good operator does; it stays down. */
  async stopNode(id: string): Promise<void> {
    const node = this.#startedNode(id);
    if (node === undefined) throw new Error(`no node ${id} was started here`);
    await node.stop();
    this.#nodes = this.#nodes.filter((one) => one !== node);
  }

  /** Kills the Redis that was started here, as `kill -9` does; it stays down. */
  async killRedis(): Promise<void> {
    await this.#redis?.kill();
  }

  /** Starts the Redis that was killed again, with its data. */
  async reviveRedis(): Promise<void> {
    if (this.#redisSpec === undefined) throw new Error("no Redis was started here");
    this.#checkNotStopped();
    this.#redis = new SupervisedChild(this.#redisSpec, this.#options.logger);
    await this.#redis.start();
  }

  /** Stops all that was started; the same promise however often it is asked. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stopInOrder();
    return this.#stopped;
  }

  /** Ends everything at once. */
  kill(): void {
    for (const child of [this.#gateway, ...this.#nodes, this.#redis]) void child?.kill();
  }

  /** Nodes that found a mesh: at least its voters, as it takes a quorum to elect a leader. The others join. */
  get #founders(): number {
    const { count, voters } = this.#options.config.nodes;
    return Math.min(count, Math.max(voters, NODES_AT_A_TIME));
  }

  async #startNodes(places: readonly NodePlace[], firstGroup: number): Promise<void> {
    const { logger, say } = this.#options;
    const env = this.#childEnvironment();
    const added = places.map((place) => new SupervisedChild(this.#nodeSpec(place, env), logger));
    this.#nodes = [...this.#nodes, ...added];
    if (places.length > firstGroup) {
      const first = firstGroup === NODES_AT_A_TIME ? "" : `${firstGroup} first, then `;
      say(`starting ${places.length} nodes, ${first}${NODES_AT_A_TIME} at a time`);
    }
    await startInGroups(added, {
      groupSize: NODES_AT_A_TIME,
      firstGroup,
      check: () => this.#checkNotStopped(),
      onGroup: (progress) => say(progressLine(progress, places.length)),
    });
  }

  #checkNotStopped(): void {
    if (this.#stopped !== undefined) throw new ExitError("stopped while starting");
  }

  #startedNode(id: string): SupervisedChild | undefined {
    return this.#nodes.find(({ name }) => name === id);
  }

  async #stopInOrder(): Promise<void> {
    await this.#gateway?.stop();
    await Promise.all(this.#nodes.map((node) => node.stop()));
    await this.#redis?.stop();
  }

  async #startRedis(): Promise<RedisEndpoint> {
    const { config, logger, say } = this.#options;
    const named = endpointOf(config);
    const prefix = keyPrefix(config.mesh);
    if (named !== undefined) {
      await requireRedis(named, REDIS_PING_MS, prefix, say);
      return named;
    }
    const program = await ensureRedisServer(say, this.#environment());
    const folder = path.join(config.nodes.dataDir, "redis");
    const port = await redisPort(folder, config.redis.port);
    this.#checkNotStopped();
    const url = `redis://127.0.0.1:${port}`;
    this.#redisSpec = this.#specOfRedis(program, folder, port, url);
    this.#redis = new SupervisedChild(this.#redisSpec, logger);
    await this.#redis.start();
    // What is installed here may be too old.
    await requireRedis({ url }, REDIS_PING_MS, prefix, say);
    return { url };
  }

  #specOfRedis(program: string, folder: string, port: number, url: string): ChildSpec {
    const bounds = stopBounds(this.#options.config);
    return {
      name: "redis",
      args: [
        fileURLToPath(new URL("redis-keeper.js", import.meta.url)),
        program,
        folder,
        String(port),
      ],
      env: this.#environment(),
      output: this.#options.output,
      notReady: () => pingRedis(url, REDIS_PING_MS, keyPrefix(this.#options.config.mesh)),
      readyTimeoutMs: READY_MS,
      stopTimeoutMs: bounds.redisMs + bounds.marginMs,
      restart: this.#options.restart,
    };
  }

  #nodeSpec(place: NodePlace, env: NodeJS.ProcessEnv): ChildSpec {
    const { config, restart } = this.#options;
    const bounds = stopBounds(config);
    const advertised = advertisedPort(config, place);
    return {
      name: place.id,
      args: [
        ...heapFlags(config.nodes.heapMb),
        ...this.#mainArgs(["node", "--id", place.id, "--port", String(place.port)]),
      ],
      env: advertised === undefined ? env : { ...env, [ADVERTISED_PORT]: String(advertised) },
      output: this.#options.output,
      notReady: () => nodeNotReady(nodeAddress(config, place.port)),
      readyTimeoutMs: this.#readyTimeoutMs,
      stopTimeoutMs: bounds.nodeMs + bounds.marginMs,
      restart,
    };
  }

  #gatewaySpec(env: NodeJS.ProcessEnv): ChildSpec {
    const { config, restart } = this.#options;
    const bounds = stopBounds(config);
    return {
      name: "gateway",
      args: [...heapFlags(config.gateway.heapMb), ...this.#mainArgs(["gateway"])],
      env,
      output: this.#options.output,
      notReady: () => gatewayNotReady(gatewayUrl(config)),
      readyTimeoutMs: this.#readyTimeoutMs,
      stopTimeoutMs: bounds.gatewayMs + bounds.marginMs,
      restart,
    };
  }

  get #readyTimeoutMs(): number {
    return READY_MS + READY_PER_NODE_MS * this.#options.config.nodes.count;
  }

  #mainArgs(command: readonly string[]): string[] {
    const { file } = this.#options;
    const main = fileURLToPath(new URL("child.js", import.meta.url));
    return [main, ...command, ...(file === undefined ? [] : ["--config", file])];
  }

  // What flags and search have settled here must hold in the children whatever their folder is.
  #childEnvironment(): NodeJS.ProcessEnv {
    const { config } = this.#options;
    return {
      ...this.#environment(),
      ...(this.#endpoint !== undefined && "url" in this.#endpoint
        ? { REDIS_URL: this.#endpoint.url }
        : {}),
      // To a node it says how many found a mesh together.
      TASKMESH_NODES: String(this.#founders),
      TASKMESH_DATA: config.nodes.dataDir,
      TASKMESH_GRPC_PORT: String(config.nodes.grpcPort),
      TASKMESH_GATEWAY_PORT: String(config.gateway.port),
      TASKMESH_LOG_FORMAT: isPretty(config.log.format) ? "pretty" : "json",
    };
  }

  #environment(): NodeJS.ProcessEnv {
    return this.#options.env ?? process.env;
  }
}

function progressLine({ group, runs, started }: GroupProgress, count: number): string {
  const [first = "", last = first] = [group[0], group.at(-1)];
  const names = group.length === 1 ? first : `${first} to ${last}`;
  const word = group.length === 1 ? "runs" : "run";
  return runs
    ? `${names} ${word}: ${started} of ${count} nodes`
    : `${names} are slow to start; going on with the next: ${started} of ${count} nodes`;
}

/**
 * What Node.js is told of the memory of a node or a gateway that it is to run.
 * @param heapMb bound of the JavaScript heap, in MB
 */
export function heapFlags(heapMb: number): readonly string[] {
  return [`--max-old-space-size=${heapMb}`, `--max-semi-space-size=${SEMI_SPACE_MB}`];
}
