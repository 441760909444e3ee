// Makes the client of an endpoint: the one place that knows how ioredis is told of it.
import { Redis, type RedisOptions } from "ioredis";
import type { Credentials, RedisEndpoint, SentinelGroup } from "./endpoint.js";
import { selectFailureOf } from "./error-reply.js";

export type ClientOptions = Omit<RedisOptions, "replyMapping">;

/**
 * A connection is in the database of the endpoint, or it is none.
 *
 * @param timeoutMs for a connection, and for each answer, of a sentinel too
 */
export function createClient(
  endpoint: RedisEndpoint,
  timeoutMs: number,
  options: ClientOptions,
): Redis {
  const bounded: ClientOptions = {
    protocol: 2,
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
    disconnectTimeout: timeoutMs,
    ...options,
    ...credentialsOf(endpoint),
  };
  const redis =
    "url" in endpoint
      ? new Redis(endpoint.url, bounded)
      : new Redis({ ...groupOptions(endpoint, timeoutMs), ...bounded });
  // It goes on in database 0, where another mesh may be. The error comes before it counts as connected.
  redis.on("error", (error: Error) => {
    if (selectFailureOf(error) !== undefined) redis.disconnect(true);
  });
  return redis;
}

function groupOptions(group: SentinelGroup, timeoutMs: number): ClientOptions {
  const { sentinels, name, database, sentinelUsername, sentinelPassword } = group;
  return {
    sentinels: sentinels.map(({ host, port }) => ({ host, port })),
    name,
    db: database,
    sentinelCommandTimeout: timeoutMs,
    // A primary that was cut off goes on to answer: its clients leave it when the sentinels say so.
    failoverDetector: true,
    sentinelReconnectStrategy: () => timeoutMs,
    ...(sentinelUsername === undefined ? {} : { sentinelUsername }),
    ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
  };
}

function credentialsOf({ username, password }: Credentials): ClientOptions {
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
  };
}
