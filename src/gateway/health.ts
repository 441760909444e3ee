// The health of the mesh, from what its nodes answer. A pure function of those answers.
import {
  type GetClusterResponse,
  type ListWorkersResponse,
  WorkerState,
} from "../gen/mesh/v1/cluster_service.js";
import { countsView, leaderView, redisView } from "./cluster-json.js";

export type HealthStatus = "healthy" | "degraded" | "unhealthy";

export interface HealthReport {
  readonly status: HealthStatus;
  readonly leader: Record<string, unknown> | null;
  readonly redis: Record<string, unknown>;
  readonly workers: { readonly total: number; readonly active: number } | null;
  readonly queues: Record<string, unknown> | null;
  /** Why it is not healthy; empty where it is. */
  readonly reasons: readonly string[];
}

export interface HealthInput {
  /** Undefined where no node answered. */
  readonly cluster: GetClusterResponse | undefined;
  /** Undefined where no leader answered. */
  readonly leader: ListWorkersResponse | undefined;
  /** Why the gateway itself does not reach Redis, for discovery; undefined where it does. */
  readonly registryError: string | undefined;
}

/** Unhealthy: nothing can be submitted. Degraded: something is missing, and work goes on. */
export function healthReport({ cluster, leader, registryError }: HealthInput): HealthReport {
  const fatal: string[] = [];
  const minor: string[] = [];
  if (cluster === undefined) fatal.push("no node of the mesh answers");
  else if (cluster.leaderId === "") fatal.push("the mesh has no leader");
  if (cluster !== undefined) {
    const { connected = false, error = "" } = cluster.redis ?? {};
    if (!connected) minor.push(withReason("the nodes do not reach Redis", error));
    else if (error !== "") minor.push(`Redis is behind the log: ${error}`);
    for (const one of cluster.contradictions) minor.push(`the log contradicts itself: ${one}`);
    for (const { id, reachable } of cluster.members) {
      if (!reachable && id !== cluster.nodeId) minor.push(`node ${id} is not reachable`);
    }
  }
  if (registryError !== undefined)
    minor.push(withReason("the gateway does not reach Redis", registryError));
  const workers = leader?.workers;
  minor.push(...(leader?.logTime?.reasons ?? []));
  for (const { id, handlerTrouble } of workers ?? []) {
    if (handlerTrouble !== "") minor.push(`node ${id}: ${handlerTrouble}`);
  }
  const active = workers?.filter(({ state }) => state === WorkerState.ACTIVE).length ?? 0;
  if (workers !== undefined && active === 0) minor.push("no node takes work");
  if (workers === undefined && fatal.length === 0)
    minor.push("the leader does not list its workers");
  const status = fatal.length > 0 ? "unhealthy" : minor.length > 0 ? "degraded" : "healthy";
  return {
    status,
    leader: cluster === undefined ? null : leaderView(cluster),
    redis:
      cluster === undefined
        ? { connected: registryError === undefined, error: registryError ?? null }
        : redisView(cluster),
    workers: workers === undefined ? null : { total: workers.length, active },
    queues: countsView(cluster?.counts),
    reasons: [...fatal, ...minor],
  };
}

function withReason(what: string, reason: string): string {
  return reason === "" ? what : `${what}: ${reason}`;
}
