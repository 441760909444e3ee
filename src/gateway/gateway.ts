// The gateway as a whole: the registry's watch, the mesh client and the HTTP server, started and
// stopped together.
import { setMaxListeners } from "node:events";
import type { AddressInfo } from "node:net";
import type { FastifyInstance } from "fastify";
import { BindFailed, PortTaken } from "../api/errors.js";
import { LinkControl } from "../api/link-control.js";
import type { Config } from "../config/schema.js";
import { Registry } from "../discovery/registry.js";
import { GATEWAY_PEER } from "../links/link-rule.js";
import { linkTable, type LinkTable } from "../links/link-table.js";
import { OwnLinks } from "../links/own-links.js";
import { endpointOf } from "../redis/endpoint.js";
import { logField } from "../telemetry/fields.js";
import type { Logger } from "../telemetry/logger.js";
import { STOP_GRACE_MS } from "./limits.js";
import { MeshClient } from "./mesh-client.js";
import { buildServer } from "./server.js";

/** Used where the configuration names no Redis: its standard address. */
const DEFAULT_REDIS_URL = "redis://127.0.0.1:6379";

export interface GatewayOptions {
  readonly config: Config;
  readonly logger: Logger;
  /** What is wrong with the links on purpose, shared with nodes. Default: `config.chaos`. */
  readonly links?: LinkTable;
}

export interface RunningGateway {
  readonly host: string;
  readonly port: number;
  /** Ends waits, lets other requests finish for up to 4 s, and closes. */
  stop(): Promise<void>;
}

/**
 * Starts a gateway; it listens once this resolves, whether nodes and Redis are there or not.
 * @throws PortTaken, BindFailed
 */
export async function startGateway(options: GatewayOptions): Promise<RunningGateway> {
  const { config, logger } = options;
  const { host, port, retryForMs } = config.gateway;
  const table = options.links ?? linkTable(config.chaos);
  const links = table && new OwnLinks(table, GATEWAY_PEER);
  const registry = new Registry({
    mesh: config.mesh,
    redis: {
      endpoint: endpointOf(config) ?? { url: DEFAULT_REDIS_URL },
      commandTimeoutMs: config.redis.commandTimeoutMs,
      connector: links?.redisConnector(),
    },
    logger,
  });
  const caller = { mesh: config.mesh, meshId: () => registry.watch.formation?.meshId };
  const mesh = new MeshClient({ directory: registry.watch, caller, retryForMs, links });
  const chaos = table && new LinkControl({ self: GATEWAY_PEER, table, nodes: () => mesh.nodes() });
  const stopping = new AbortController();
  // Every request under way listens to it: their number is bounded elsewhere, and many are no leak.
  setMaxListeners(0, stopping.signal);
  const app = buildServer({
    mesh,
    config,
    directory: registry.watch,
    stopping: stopping.signal,
    chaos,
    logger,
  });
  const close = async (): Promise<void> => {
    stopping.abort(new Error("the gateway is stopping"));
    await closeWithin(app, STOP_GRACE_MS);
    mesh.stop();
    chaos?.close();
    registry.close();
  };
  try {
    await registry.start();
    mesh.start();
    await listen(app, host, port);
  } catch (error) {
    await close();
    throw error;
  }
  const bound = addressOf(app) ?? { address: host, port };
  logger.info({ [logField.address]: bound.address, [logField.port]: bound.port }, "listening");
  return { host: bound.address, port: bound.port, stop: close };
}

async function listen(app: FastifyInstance, host: string, port: number): Promise<void> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    throw code === "EADDRINUSE"
      ? new PortTaken(host, port, error)
      : new BindFailed(host, port, error);
  }
}

/** Connections that are still busy after `graceMs` are cut. */
async function closeWithin(app: FastifyInstance, graceMs: number): Promise<void> {
  const cut = setTimeout(() => app.server.closeAllConnections(), graceMs);
  try {
    await app.close();
  } finally {
    clearTimeout(cut);
  }
}

function addressOf(app: FastifyInstance): AddressInfo | undefined {
  const address = app.server.address();
  return address === null || typeof address === "string" ? undefined : address;
}
