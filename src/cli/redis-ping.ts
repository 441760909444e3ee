// Asks a Redis whether it is there and ready, within a bound.
import { Redis } from "ioredis";
import { maskPassword } from "../config/explain.js";
import { ExitError } from "./exit.js";

/** Answer of a ping: undefined means ready, else the reason why not. */
export async function pingRedis(url: string, timeoutMs: number): Promise<string | undefined> {
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    enableReadyCheck: false,
  });
  // The client reports a failed connection as an event as well; without a listener it would print it.
  let lastError: Error | undefined;
  redis.on("error", (error: Error) => {
    lastError = error;
  });
  try {
    await redis.connect();
    await redis.ping();
    return undefined;
  } catch (error) {
    return reasonOf(lastError ?? error);
  } finally {
    redis.disconnect();
  }
}

/** Throws ExitError that names the URL, without its password, if Redis does not answer. */
export async function requireRedis(url: string, timeoutMs: number): Promise<void> {
  const reason = await pingRedis(url, timeoutMs);
  if (reason === undefined) return;
  throw new ExitError(
    `Redis at ${maskPassword(url)} does not answer (${reason}); start it, or mend REDIS_URL or redis.url, or unset them to have one started`,
  );
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ("code" in error && typeof error.code === "string") return error.code;
  return error.message.split("\n")[0] ?? error.message;
}
