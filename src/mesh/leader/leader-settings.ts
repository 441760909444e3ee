// What the configuration means for a leader.
import type { Config } from "../../config/schema.js";
import type { BalancerSettings } from "../../queue/balancing/create-policy.js";
import { BackoffType } from "../../gen/mesh/v1/task.js";
import type { LeaderSettings } from "../../queue/leader/leader.js";

/** What the configuration says to a leader of the queue. */
export function leaderSettings(config: Config): LeaderSettings {
  const { raft, retries, worker, limits, tasks, retention, queue, balancer } = config;
  const { type, delayMs, maxMs, jitter } = retries.backoff;
  return {
    leaseMs: worker.leaseMs,
    // A leader that is cut off notices within two election timeouts, and grants no lease after.
    handoverMs: 2 * raft.electionTicks * raft.tickMs,
    losses: {
      maxLosses: retries.maxLosses,
      maxLapses: retries.maxLapses,
      ...retries.lossDelay,
    },
    acceptUnknownTypes: tasks.acceptUnknownTypes,
    retention,
    agingMs: queue.agingMs,
    balancer: balancerSettings(balancer),
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

function balancerSettings({ policy, weights, affinity }: Config["balancer"]): BalancerSettings {
  const labelsByType = new Map<string, string[]>();
  for (const [type, label] of affinity.map(parted)) {
    const labels = labelsByType.get(type);
    if (labels === undefined) labelsByType.set(type, [label]);
    else labels.push(label);
  }
  const weightByName = new Map(weights.map(parted).map(([name, text]) => [name, Number(text)]));
  return { policy, weights: weightByName, affinity: labelsByType };
}

/** NAME=VALUE; a type of task may hold an equals sign, a value never does. */
function parted(text: string): [name: string, value: string] {
  const at = text.lastIndexOf("=");
  return [text.slice(0, at), text.slice(at + 1)];
}
