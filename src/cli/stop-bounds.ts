// How long each part of the mesh may take to stop, in one place: the process itself gives up first,
// then `up` kills it.
import type { Config } from "../config/schema.js";

const AFTER_GRACE_MS = 5_000;
const GATEWAY_STOP_MS = 5_000;
const REDIS_STOP_MS = 12_000;
/** What `up` waits longer than the child gives itself. */
const MARGIN_MS = 2_000;

export interface StopBounds {
  readonly nodeMs: number;
  readonly gatewayMs: number;
  readonly redisMs: number;
  readonly marginMs: number;
}

/** Bounds of a stop under this configuration. */
export function stopBounds(config: Config): StopBounds {
  return {
    nodeMs: config.worker.stopGraceMs + config.worker.threads.abortGraceMs + AFTER_GRACE_MS,
    gatewayMs: GATEWAY_STOP_MS,
    redisMs: REDIS_STOP_MS,
    marginMs: MARGIN_MS,
  };
}
