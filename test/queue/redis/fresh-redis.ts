// A Redis of its own for a test file, empty before each test, with a log that is applied to it.
import { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach } from "vitest";
import type { Task } from "../../../src/gen/mesh/v1/task.js";
import { RedisServer } from "../../support/redis-server.js";
import { AppliedLog } from "./applied-log.js";

/** Call it at the top of a file: what it hands to `each` is there for the tests. */
export function withFreshRedis(each: (redis: Redis, log: AppliedLog) => void): void {
  let server: RedisServer;
  let redis: Redis;
  beforeAll(async () => {
    server = await RedisServer.start();
    redis = new Redis(server.url);
  });
  afterAll(async () => {
    redis.disconnect();
    await server.stop();
  });
  beforeEach(async () => {
    await redis.flushall();
    each(redis, new AppliedLog(redis, "test"));
  });
}

/** A task that must be there. */
export async function taskOf(log: AppliedLog, id: string): Promise<Task> {
  const found = await log.reader.getTask(id);
  if (found === undefined) throw new Error(`no task ${id}`);
  return found;
}
