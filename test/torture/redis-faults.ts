// What can be done to the Redis of a torture: one server that `up` starts, or a group with sentinels.
import { setTimeout as pause } from "node:timers/promises";
import { Redis } from "ioredis";
import type { Prng } from "../simulation/prng.js";

export const REDIS_FAULTS = ["kill-redis", "freeze-redis", "flush-redis", "wipe-redis"] as const;
/** They need a group: without one nobody takes the place of a server that is gone. */
export const GROUP_FAULTS = ["fail-over-redis", "promote-replica", "stale-primary"] as const;

export type GroupFault = (typeof GROUP_FAULTS)[number];
export type RedisFault = (typeof REDIS_FAULTS)[number] | GroupFault;

export const FREEZE_MS = { min: 500, max: 6_000 };

/** How often the sentinels made another server the primary, and what that one lacked. */
export interface Failovers {
  /** By whatever reason. */
  readonly promotions: number;
  /** Those of `fail-over-redis` of which it is known how far both servers were. */
  readonly compared: number;
  /** Of these, how often the new primary lacked entries that the old one had. */
  readonly lacking: number;
  /** Log entries that one of them lacked at most. */
  readonly mostLacking: number;
}

/** A Redis that is hurt. */
export interface TorturedRedis {
  /** Does it, and resolves when it has healed as far as it does by itself. */
  hurt(fault: RedisFault): Promise<void>;
  /** Whether Redis may lack what it had: the ends of tasks that it alone knew. */
  mayLose(fault: RedisFault): boolean;
  /** Resolves when nothing is left of what was done to it. */
  whole(): Promise<void>;
  failovers(): Promise<Failovers | undefined>;
}

export function isGroupFault(fault: string): fault is GroupFault {
  return (GROUP_FAULTS as readonly string[]).includes(fault);
}

export function pauseWithin(random: Prng, { min, max }: typeof FREEZE_MS): Promise<void> {
  return pause(random.between(min, max));
}

/** @throws Error where it is down already */
export async function flush(url: string): Promise<void> {
  const redis = new Redis(url, {
    lazyConnect: true,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  redis.on("error", () => undefined);
  try {
    await redis.connect();
    await redis.flushall();
  } finally {
    redis.disconnect();
  }
}
