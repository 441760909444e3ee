// Starts a node: opens its log, registers it, founds or joins the mesh, and sets its parts to work.
//
// This folder puts a node together and takes it apart. What has a state of its own is a class in a file
// of its own; what only ties parts together lies by whom it serves: the log and who leads by it
// (node-consensus.ts), the work that this node is given (node-worker.ts), those who call it
// (node-calls.ts, and node-server.ts for gRPC). node-runtime.ts sets all of that going, and ends it.
import { hostname } from "node:os";
import { join } from "node:path";
import { ClientPool } from "../../api/client-pool.js";
import type { Config } from "../../config/schema.js";
import type { OwnMesh } from "../../discovery/registry-writer.js";
import { Registry } from "../../discovery/registry.js";
import { linkTable, type LinkTable } from "../../links/link-table.js";
import { OwnLinks } from "../../links/own-links.js";
import { type Clocks, PROCESS_CLOCKS } from "../../queue/log-time/clocks.js";
import { openRaftStorage, type RaftStorage, remainsOf } from "../../raft/index.js";
import type { Logger } from "../../telemetry/logger.js";
import { keyPrefix } from "../../redis/key-prefix.js";
import { describeEndpoint, endpointOf, type RedisEndpoint } from "../../redis/endpoint.js";
import { inspectRedis } from "../../redis/inspection.js";
import { advertisedAddress } from "./node-parts.js";
import { asNodeFailure, NodeFailure } from "./errors.js";
import { belongToMesh, type FoundingOptions } from "../membership/founding.js";
import { registryOf, startHost } from "./node-handlers.js";
import { NodeRedis } from "./node-redis.js";
import { runNode, type RunningNode } from "./node-runtime.js";
import { VERSION } from "./version.js";

const NO_REDIS =
  "a node needs a Redis: set redis.url or redis.sentinels in the config, or REDIS_URL";

export type { RunningNode } from "./node-runtime.js";

export interface StartNodeOptions {
  /** It must name a Redis. */
  readonly config: Config;
  readonly id: string;
  readonly port: number;
  readonly logger: Logger;
  /** What is wrong with the links on purpose, shared with other nodes. Default: `config.chaos`. */
  readonly links?: LinkTable;
  /** Default: those of the process. Raft's own timers go by none of them. */
  readonly clocks?: Clocks;
  /** Ends the wait for a mesh to found or to join. */
  readonly signal?: AbortSignal;
}

/**
 * Starts a node: opens its log, registers, founds or joins the mesh, serves.
 *
 * @throws NodeFailure with one line for what the user can mend
 */
export async function startNode(options: StartNodeOptions): Promise<RunningNode> {
  const cleanups: (() => Promise<void> | void)[] = [];
  try {
    return await assemble(options, cleanups);
  } catch (error) {
    for (const cleanup of cleanups.reverse()) await cleanup();
    throw asNodeFailure(error);
  }
}

async function assemble(
  options: StartNodeOptions,
  cleanups: (() => Promise<void> | void)[],
): Promise<RunningNode> {
  const { config, id, port, logger } = options;
  const address = advertisedAddress(config, port);
  const endpoint = endpointOf(config);
  if (endpoint === undefined) throw new NodeFailure(NO_REDIS);
  const host = await startHost(config, logger);
  if (host !== undefined) cleanups.push(() => host.close());
  const handlers = registryOf(host);
  const dir = join(config.nodes.dataDir, "nodes", id);
  const storage = await openRaftStorage({ dir, segmentBytes: config.raft.segmentBytes });
  cleanups.push(() => storage.close());
  requireOwnFolder(dir, storage, id, config.mesh);
  const links = ownLinks(options);
  const connector = links?.redisConnector();
  if (storage.identity === undefined) await requireUsable(endpoint, config);
  const redis = new NodeRedis(config, id, endpoint, connector);
  cleanups.push(() => redis.close());
  if (storage.identity !== undefined) redis.belongsTo(storage.identity);
  redis.onWarning((warning) => logger.warn(warning));
  const registry = new Registry({
    mesh: config.mesh,
    redis: { endpoint, commandTimeoutMs: config.redis.commandTimeoutMs, connector },
    logger,
  });
  cleanups.push(() => registry.close());
  const description = {
    id,
    address,
    concurrency: config.worker.concurrency,
    labels: config.worker.labels,
    types: handlers.types,
    version: VERSION,
    host: hostname(),
    pid: process.pid,
    startedAtMs: Date.now(),
  };
  const writer = registry.writer({ ...description, draining: false }, ownMesh(storage));
  cleanups.push(() => writer.stop());
  await registry.start();
  await writer.start();
  const meshId = await found(options, { address, registry, writer, storage, links });
  redis.belongsTo(storage.identity ?? { meshId, supersedes: [] });
  return runNode({
    config,
    id,
    port,
    logger,
    links,
    description,
    meshId,
    handlers,
    host,
    storage,
    redis,
    registry,
    writer,
    clocks: options.clocks ?? PROCESS_CLOCKS,
  });
}

/** Under another name a node would vote, and answer, as somebody whom the mesh does not know. */
function requireOwnFolder(dir: string, { identity }: RaftStorage, id: string, mesh: string): void {
  if (identity === undefined) return;
  const { serverId, meshName = mesh } = identity;
  if (serverId !== id) {
    throw new NodeFailure(
      `${dir} is the data folder of node ${serverId}, not of ${id}: start it as ${serverId}, or give ${id} a folder of its own`,
    );
  }
  if (meshName !== mesh) {
    throw new NodeFailure(
      `${dir} is of mesh ${meshName}, and the config names mesh ${mesh}: set mesh to ${meshName}, or choose another data folder (nodes.dataDir)`,
    );
  }
}

/**
 * Without a log of its own a node needs Redis to find the others. It waits for one that is away, not
 * for one that somebody has to mend.
 */
async function requireUsable(endpoint: RedisEndpoint, config: Config): Promise<void> {
  const { commandTimeoutMs } = config.redis;
  const finding = await inspectRedis(endpoint, commandTimeoutMs, keyPrefix(config.mesh));
  if (finding.kind !== "unusable") return;
  const { reason, remedy } = finding;
  throw new NodeFailure(`${describeEndpoint(endpoint)} cannot be used (${reason}); ${remedy}`);
}

/** Founds or joins the mesh where the node has no log yet; the id of its mesh. */
async function found(
  { config, id, logger, signal = new AbortController().signal }: StartNodeOptions,
  parts: Pick<FoundingOptions, "address" | "registry" | "writer" | "storage"> & {
    readonly links: OwnLinks | undefined;
  },
): Promise<string> {
  const { registry, links } = parts;
  const nameOf = (address: string): string | undefined =>
    registry.watch.records().find((record) => record.address === address)?.id;
  const caller = { mesh: config.mesh, meshId: () => undefined };
  const clients = new ClientPool({ credentials: links?.credentials("calls", nameOf), caller });
  try {
    const { mesh } = config;
    const { count: expect, voters } = config.nodes;
    return await belongToMesh({ ...parts, id, mesh, expect, voters, clients, logger, signal });
  } finally {
    clients.close();
  }
}

function ownLinks({ config, id, links }: StartNodeOptions): OwnLinks | undefined {
  const table = links ?? linkTable(config.chaos);
  return table === undefined ? undefined : new OwnLinks(table, id);
}

function ownMesh(storage: RaftStorage): OwnMesh | undefined {
  const { identity } = storage;
  if (identity === undefined) return undefined;
  const { meshId, supersedes } = identity;
  // Those that founded a mesh which was lost are no members of the one that took its place.
  const membership = supersedes.length > 0 ? remainsOf(storage).membership : storage.membership;
  const members = [...membership.voters, ...membership.learners];
  return { meshId, supersedes, members: members.map(({ id, address }) => ({ id, address })) };
}
