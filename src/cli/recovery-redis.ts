// The Redis of a mesh that does not run: the one that the configuration names, or the one in its data folder,
// which is started for the time that it is needed.
import path from "node:path";
import { existsSync } from "node:fs";
import type { Config } from "../config/schema.js";
import type { RedisPlace } from "../mesh/recovery/redis-evidence.js";
import { endpointOf } from "../redis/endpoint.js";
import { createLogger } from "../telemetry/logger.js";
import { MeshLauncher } from "./mesh-launcher.js";
import { printError } from "./output.js";

/** @param work is given undefined where there is no Redis to be had */
export async function withRedis<T>(
  config: Config,
  work: (place: RedisPlace | undefined) => Promise<T>,
): Promise<T> {
  const logger = createLogger({ log: { level: "silent", format: "json" } });
  const { mesh, redis } = config;
  const placeAt = (endpoint: RedisPlace["endpoint"]): RedisPlace => ({
    endpoint,
    mesh,
    timeoutMs: redis.commandTimeoutMs,
    logger,
  });
  const named = endpointOf(config);
  if (named !== undefined) return work(placeAt(named));
  if (!existsSync(path.join(config.nodes.dataDir, "redis"))) return work(undefined);
  const say = (line: string): void => printError(`taskmesh: ${line}`);
  const launcher = new MeshLauncher({ config, file: undefined, restart: false, logger, say });
  try {
    return await work(placeAt(await launcher.startRedis()));
  } finally {
    await launcher.stop();
  }
}
