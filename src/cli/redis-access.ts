// How the commands that look into Redis find it, and read it. They write nothing.
import path from "node:path";
import type { Redis } from "ioredis";
import type { Config } from "../config/schema.js";
import { createClient } from "../redis/client.js";
import { endpointOf, placeOf, type RedisEndpoint } from "../redis/endpoint.js";
import type { CommonOptions } from "./context.js";
import { configOf } from "./context.js";
import { ExitError, exitCode } from "./exit.js";
import { printError } from "./output.js";
import { readRedisInfo, runsStill } from "./redis-info.js";
import { requireRedis } from "./redis-ping.js";

const TIMEOUT_MS = 3_000;

export interface RedisOptions extends CommonOptions {
  readonly redis?: string;
  readonly json?: boolean;
}

/** A Redis to be looked into. */
export interface OpenRedis {
  readonly redis: Redis;
  readonly mesh: string;
  /** Where it is, without its password. */
  readonly place: string;
}

/** The Redis that `--redis`, the configuration or the `up` of the data folder names; undefined: none does. */
export function knownRedis(options: RedisOptions, config: Config): RedisEndpoint | undefined {
  if (options.redis !== undefined) {
    if (!URL.canParse(options.redis) || !/^rediss?:/.test(options.redis)) {
      throw new ExitError(`--redis ${options.redis}: give redis://host:port`, exitCode.usage);
    }
    return { url: options.redis };
  }
  return endpointOf(config) ?? redisOfUp(config.nodes.dataDir);
}

/** Lets `look` read. @throws ExitError where there is no Redis, or none that answers */
export async function withRedis(
  options: RedisOptions,
  look: (open: OpenRedis) => Promise<void>,
): Promise<void> {
  const { config } = configOf(options);
  const endpoint = knownRedis(options, config);
  if (endpoint === undefined) {
    throw new ExitError(
      'no Redis is named, and no "taskmesh up" has started one here: give --redis, REDIS_URL or redis.url',
      exitCode.usage,
    );
  }
  await requireRedis(endpoint, TIMEOUT_MS, undefined, printError);
  const redis = createClient(endpoint, TIMEOUT_MS, { retryStrategy: () => null });
  // What it throws is told by the call that is under way.
  redis.on("error", () => undefined);
  try {
    await look({ redis, mesh: config.mesh, place: placeOf(endpoint) });
  } finally {
    redis.disconnect();
  }
}

function redisOfUp(dataDir: string): RedisEndpoint | undefined {
  const info = readRedisInfo(path.join(dataDir, "redis"));
  return info !== undefined && runsStill(info) ? { url: info.url } : undefined;
}
