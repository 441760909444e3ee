// Several commands in one round trip, failing as one.
import type { ChainableCommander, Redis } from "ioredis";
import { toRedisError } from "./errors.js";

/**
 * The replies to the commands that `fill` adds, in their order; none for none.
 * @throws RedisUnavailable or RedisRefused when one of them failed
 */
export async function runPipeline(
  redis: Redis,
  fill: (pipeline: ChainableCommander) => void,
): Promise<readonly unknown[]> {
  const pipeline = redis.pipeline();
  fill(pipeline);
  if (pipeline.length === 0) return [];
  let results: Awaited<ReturnType<ChainableCommander["exec"]>>;
  try {
    results = await pipeline.exec();
  } catch (error) {
    throw toRedisError(error);
  }
  return (results ?? []).map(([error, reply]) => {
    if (error !== null) throw toRedisError(error);
    return reply;
  });
}
