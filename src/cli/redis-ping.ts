// Asks a Redis whether it is there, ready and fit to be used, within a bound.
import { describeEndpoint, type RedisEndpoint } from "../redis/endpoint.js";
import { inspectRedis } from "../redis/inspection.js";
import { ExitError } from "./exit.js";

/** Answer of a ping: undefined means that it answers, else the reason why not. */
export async function pingRedis(
  url: string,
  timeoutMs: number,
  prefix: string,
): Promise<string | undefined> {
  const finding = await inspectRedis({ url }, timeoutMs, prefix);
  return finding.kind === "away" ? finding.reason : undefined;
}

/**
 * Throws ExitError that names the Redis, without its password, if it does not answer or cannot be used.
 * @param prefix of the keys of the mesh that is to use it; undefined where it is only looked into
 * @param say is told what is amiss with one that can
 */
export async function requireRedis(
  endpoint: RedisEndpoint,
  timeoutMs: number,
  prefix: string | undefined,
  say: (line: string) => void,
): Promise<void> {
  const finding = await inspectRedis(endpoint, timeoutMs, prefix);
  const which = describeEndpoint(endpoint);
  switch (finding.kind) {
    case "usable":
      if (finding.warning !== undefined) say(`WARNING: ${finding.warning}`);
      return;
    case "away":
      throw new ExitError(
        `${which} does not answer (${finding.reason}); start it, or mend REDIS_URL, redis.url or redis.sentinels, or unset them to have one started`,
      );
    case "unusable":
      throw new ExitError(`${which} cannot be used (${finding.reason}); ${finding.remedy}`);
  }
}
