// Connections to Redis for the registry: they fail fast while Redis is down, come back on their
// own, and never throw into the process.
import { type AbstractConnector, Redis } from "ioredis";
import type { Logger } from "../telemetry/logger.js";

/** Longest pause between two tries to connect: bounds how late a node is back in the registry. */
const RECONNECT_MAX_MS = 500;
const RECONNECT_STEP_MS = 50;

export interface RedisConnectionOptions {
  readonly url: string;
  /** After this long without an answer a command fails. */
  readonly commandTimeoutMs: number;
  /** Makes the sockets; by default ioredis does. */
  readonly connector?: (new (endpoint: unknown) => AbstractConnector) | undefined;
  readonly logger: Logger;
}

/**
 * Opens a connection that is never given up until it is closed. While it is down every command
 * fails at once; nothing is queued and nothing is sent twice.
 */
export function connectRedis(options: RedisConnectionOptions, role: string): Redis {
  const { url, commandTimeoutMs, connector, logger } = options;
  const redis = new Redis(url, {
    ...(connector === undefined ? {} : { Connector: connector }),
    commandTimeout: commandTimeoutMs,
    connectTimeout: commandTimeoutMs,
    connectionName: `taskmesh-${role}`,
    enableOfflineQueue: false,
    autoResubscribe: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (times) => Math.min(times * RECONNECT_STEP_MS, RECONNECT_MAX_MS),
  });
  let down = false;
  redis.on("error", (error: Error) => {
    if (down) return;
    down = true;
    logger.warn({ err: error }, `${role}: Redis is not reachable, trying on`);
  });
  redis.on("close", () => {
    if (down) return;
    down = true;
    logger.warn(`${role}: connection to Redis lost, trying on`);
  });
  redis.on("ready", () => {
    if (down) logger.info(`${role}: Redis is back`);
    down = false;
  });
  return redis;
}

/** Closes for good; no reconnect follows. */
export function disconnectRedis(redis: Redis): void {
  redis.removeAllListeners("close");
  redis.disconnect(false);
}
