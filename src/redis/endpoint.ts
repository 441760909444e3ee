// Where Redis is: one server by its URL, or the primary of a group that sentinels watch.
import { maskPassword } from "../config/explain.js";
import type { Config } from "../config/schema.js";
import { type HostPort, joinHostPort, parseHostPort } from "../input/host-port.js";

export interface Credentials {
  /** They do not override those of a URL. */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
}

/** A server that is named itself. */
export interface RedisAddress extends Credentials {
  /** `redis://` or `rediss://`, with user, password and database where needed. */
  readonly url: string;
}

/** The primary of a group, whichever server that is at a time. */
export interface SentinelGroup extends Credentials {
  readonly sentinels: readonly HostPort[];
  /** Name of the group. */
  readonly name: string;
  readonly database: number;
  /** Of the sentinels themselves. */
  readonly sentinelUsername?: string | undefined;
  readonly sentinelPassword?: string | undefined;
}

export type RedisEndpoint = RedisAddress | SentinelGroup;

/** Undefined where the configuration names no Redis. */
export function endpointOf({ redis }: Pick<Config, "redis">): RedisEndpoint | undefined {
  const { url, sentinels, username, password } = redis;
  if (url !== undefined) return { url, username, password };
  if (sentinels.length === 0) return undefined;
  const { name, database, sentinelUsername, sentinelPassword } = redis;
  return {
    sentinels: sentinels.map(hostPort),
    ...{ name, database, username, password, sentinelUsername, sentinelPassword },
  };
}

/** Where it is, for people: no password is in it. */
export function placeOf(endpoint: RedisEndpoint): string {
  if ("url" in endpoint) return maskPassword(endpoint.url);
  const sentinels = endpoint.sentinels.map(({ host, port }) => joinHostPort(host, port));
  return `${endpoint.name} (sentinels ${sentinels.join(", ")})`;
}

/** As the subject of a sentence. */
export function describeEndpoint(endpoint: RedisEndpoint): string {
  return `Redis ${"url" in endpoint ? "at" : "of the group"} ${placeOf(endpoint)}`;
}

function hostPort(sentinel: string | HostPort): HostPort {
  if (typeof sentinel !== "string") return sentinel;
  const parsed = parseHostPort(sentinel);
  if (parsed === undefined) throw new Error(`${sentinel} got past the check of the configuration`);
  return parsed;
}
