// Looks into a test's Redis past the code under test.
import { Redis } from "ioredis";
import type { RedisServer } from "../support/redis-server.js";

/** Runs one action on a connection of its own. */
export async function withRedis<T>(
  server: RedisServer,
  action: (client: Redis) => Promise<T>,
): Promise<T> {
  const client = new Redis(server.url);
  try {
    return await action(client);
  } finally {
    client.disconnect();
  }
}
