// What the configuration means for a leader.
import type { Config } from "../config/schema.js";
import { BackoffType } from "../gen/mesh/v1/task.js";
import type { LeaderSettings } from "../queue/leader.js";

export function leaderSettings(config: Config): LeaderSettings {
  const { raft, retries, worker, limits, tasks, retention, queue } = config;
  const { type, delayMs, maxMs, jitter } = retries.backoff;
  return {
    leaseMs: worker.leaseMs,
    // A leader that is cut off notices within two election timeouts, and grants no lease after.
    handoverMs: 2 * raft.electionTicks * raft.tickMs,
    maxLosses: retries.maxLosses,
    acceptUnknownTypes: tasks.acceptUnknownTypes,
    retention,
    agingMs: queue.agingMs,
    maxUnappliedBytes: limits.unappliedBytes,
    defaults: {
      maxAttempts: retries.maxAttempts,
      backoff: {
        type: type === "fixed" ? BackoffType.FIXED : BackoffType.EXPONENTIAL,
        delayMs,
        maxMs,
        jitter,
      },
      maxDataBytes: limits.bodyBytes,
    },
  };
}
