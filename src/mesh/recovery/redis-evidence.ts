// What Redis tells of a mesh whose disks are lost: how far the log had come at least, and which tasks came
// with the entries that a survivor lacks.
import type { Redis } from "ioredis";
import { Registry } from "../../discovery/registry.js";
import { readAppliedEntry } from "../../queue/redis/applier.js";
import { callRedis } from "../../queue/redis/errors.js";
import { RedisKeys } from "../../queue/redis/keys.js";
import { taskSequence } from "../../queue/state/task-sequence.js";
import { createClient } from "../../redis/client.js";
import type { RedisEndpoint } from "../../redis/endpoint.js";
import type { Logger } from "../../telemetry/logger.js";

/** Tasks that are named; the others are counted. */
const MAX_NAMED = 20;

export interface RedisEvidence {
  /** Last entry that Redis reflects, and its term; 0 for none, below 0 where it was left half restored. */
  readonly index: number;
  readonly term: number;
  /** Submitted by entries past the survivor's last one. */
  readonly tasksPast: { readonly count: number; readonly ids: readonly string[] };
  /** The mesh that the registry knows; undefined where it knows none. */
  readonly meshId: string | undefined;
  /** The mesh whose log Redis reflects; undefined where nobody said. */
  readonly queueMeshId: string | undefined;
  /** Nodes that registered within the last seconds. */
  readonly registered: readonly { readonly id: string; readonly meshId: string | undefined }[];
}

export interface RedisPlace {
  readonly endpoint: RedisEndpoint;
  readonly mesh: string;
  readonly timeoutMs: number;
  readonly logger: Logger;
}

/** A connection for one command line: it fails at once where Redis is away, and is closed by who made it. */
export async function connectRedis({ endpoint, timeoutMs }: RedisPlace): Promise<Redis> {
  const redis = createClient(endpoint, timeoutMs, {
    lazyConnect: true,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    sentinelRetryStrategy: () => null,
  });
  redis.on("error", () => undefined);
  await callRedis(() => redis.connect());
  return redis;
}

/** @throws RedisUnavailable */
export async function redisEvidence(place: RedisPlace, lastIndex: number): Promise<RedisEvidence> {
  const redis = await connectRedis(place);
  try {
    const keys = new RedisKeys(place.mesh);
    const { index, term, meshId } = await callRedis(() => readAppliedEntry(redis, keys));
    const past = taskSequence(lastIndex + 1, 0);
    const [count, ids] = await callRedis(() =>
      Promise.all([
        redis.zcount(keys.all, past, "+inf"),
        redis.zrangebyscore(keys.all, past, "+inf", "LIMIT", 0, MAX_NAMED),
      ]),
    );
    const tasksPast = { count, ids };
    return { index, term, tasksPast, queueMeshId: meshId, ...(await registered(place)) };
  } finally {
    redis.disconnect();
  }
}

async function registered({ endpoint, mesh, timeoutMs, logger }: RedisPlace) {
  const registry = new Registry({
    mesh,
    redis: { endpoint, commandTimeoutMs: timeoutMs },
    logger,
  });
  try {
    await registry.start();
    const nodes = registry.watch.records().map(({ id, meshId }) => ({ id, meshId }));
    return { meshId: registry.watch.formation?.meshId, registered: nodes };
  } finally {
    registry.close();
  }
}
