// Looks at a Redis before it is relied on: whether it is there, whether it can be used at all, and
// whether it would throw away what it is given.
import type { Redis } from "ioredis";
import { joinHostPort } from "../input/host-port.js";
import { ACCESS_REMEDY, deniedAccess, deniedChannel } from "./access.js";
import { createClient } from "./client.js";
import type { RedisEndpoint } from "./endpoint.js";
import { errorCode, isErrorReply, selectFailureOf } from "./error-reply.js";

export type RedisFinding =
  | { readonly kind: "usable"; readonly warning: string | undefined }
  /** Waiting may cure it. */
  | { readonly kind: "away"; readonly reason: string }
  /** Somebody has to mend something, in Redis or in the configuration. */
  | { readonly kind: "unusable"; readonly reason: string; readonly remedy: string };

const PASSWORD_REMEDY = "give user and password in REDIS_URL or redis.url, or as redis.password";
const REPLICA_REMEDY = "name its primary, or the sentinels of its group as redis.sentinels";
const DATABASE_REMEDY =
  "name a database that it has and that the user may SELECT, at the end of redis.url or as redis.database " +
  "(`databases` of redis.conf says how many there are; a Redis Cluster has 0 alone)";
const CLUSTER_REMEDY =
  "name one server, or a group that sentinels watch; a Redis Cluster is not supported yet";

/** The oldest that has all that the scripts call: XTRIM MINID, for the logs of tasks, came with it. */
const OLDEST_VERSION = { major: 6, minor: 2 } as const;
const VERSION_REMEDY = `taskmesh needs Redis ${OLDEST_VERSION.major}.${OLDEST_VERSION.minor} or newer, or Valkey`;

/** Codes of error replies that come again however often it is tried. */
const LASTING: ReadonlyMap<string, string> = new Map([
  ["WRONGPASS", PASSWORD_REMEDY],
  ["NOAUTH", PASSWORD_REMEDY],
  ["NOPERM", ACCESS_REMEDY],
  ["MOVED", CLUSTER_REMEDY],
]);

/**
 * Never rejects; takes `timeoutMs` for each step at most.
 *
 * @param prefix of the keys of the mesh that is to use it: its user must be allowed all that a mesh does;
 *   undefined where nothing is to be written
 */
export async function inspectRedis(
  endpoint: RedisEndpoint,
  timeoutMs: number,
  prefix: string | undefined,
): Promise<RedisFinding> {
  const redis = createClient(endpoint, timeoutMs, {
    lazyConnect: true,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    sentinelRetryStrategy: () => null,
    enableReadyCheck: false,
  });
  // The client tells of a failed connection by events, in more words than by what it throws.
  let told: Error | undefined;
  redis.on("sentinelError", (error: Error) => (told = error));
  redis.on("error", (error: Error) => (told ??= error));
  try {
    await redis.connect();
    const finding = findingOf(await redis.info());
    if (finding.kind !== "usable" || prefix === undefined) return finding;
    const channel = `${prefix}access:channel`;
    const reason = (await deniedAccess(redis, prefix)) ?? (await deniedChannel(redis, channel));
    if (reason !== undefined) return { kind: "unusable", reason, remedy: ACCESS_REMEDY };
    return finding;
  } catch (error) {
    return failureOf(isErrorReply(error) ? error : (told ?? error));
  } finally {
    redis.disconnect();
  }
}

/** Says so where Redis would throw away tasks rather than refuse a write; `info` is what INFO says. */
function evictionWarning(info: string): string | undefined {
  const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1] ?? "noeviction";
  if (policy === "noeviction") return undefined;
  return (
    `Redis has maxmemory-policy ${policy}: when it is full it throws tasks away instead of ` +
    "refusing writes; set maxmemory-policy to noeviction"
  );
}

/**
 * What is amiss with the Redis of a connection that is used already: it may be another one than was
 * looked at in the beginning. Undefined where INFO is not allowed.
 */
export async function warningOf(redis: Redis): Promise<string | undefined> {
  try {
    const info = await redis.info();
    const old = oldVersion(info);
    return old === undefined ? evictionWarning(info) : `this is ${old}: ${VERSION_REMEDY}`;
  } catch {
    return undefined;
  }
}

function findingOf(info: string): RedisFinding {
  if (/^loading:1/m.test(info)) return { kind: "away", reason: "it is loading its data" };
  const old = oldVersion(info);
  if (old !== undefined) {
    return { kind: "unusable", reason: `it is ${old}`, remedy: VERSION_REMEDY };
  }
  if (/^role:slave/m.test(info) && !/^slave_read_only:0/m.test(info)) {
    const host = /^master_host:(\S+)/m.exec(info)?.[1] ?? "?";
    const port = /^master_port:(\d+)/m.exec(info)?.[1] ?? "0";
    const reason = `it is a read-only replica of ${joinHostPort(host, Number(port))}`;
    return { kind: "unusable", reason, remedy: REPLICA_REMEDY };
  }
  return { kind: "usable", warning: evictionWarning(info) };
}

/** Name of a version that is too old. Valkey tells the version of Redis that it stands for. */
function oldVersion(info: string): string | undefined {
  const [, version = "", major, minor] = /^redis_version:((\d+)\.(\d+)\S*)/m.exec(info) ?? [];
  if (version === "") return undefined;
  const isOld =
    Number(major) < OLDEST_VERSION.major ||
    (Number(major) === OLDEST_VERSION.major && Number(minor) < OLDEST_VERSION.minor);
  return isOld ? `Redis ${version}` : undefined;
}

function failureOf(error: unknown): RedisFinding {
  if (!(error instanceof Error)) return { kind: "away", reason: String(error) };
  const selectFailure = selectFailureOf(error);
  if (selectFailure !== undefined) {
    return { kind: "unusable", reason: selectFailure, remedy: DATABASE_REMEDY };
  }
  if (isErrorReply(error)) {
    const remedy = LASTING.get(errorCode(error));
    if (remedy !== undefined) return { kind: "unusable", reason: error.message, remedy };
  }
  if ("code" in error && typeof error.code === "string") {
    return { kind: "away", reason: error.code };
  }
  return { kind: "away", reason: error.message.split("\n")[0] ?? error.message };
}
