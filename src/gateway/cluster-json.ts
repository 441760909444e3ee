// Workers and cluster as HTTP shows them.
import {
  type GetClusterResponse,
  type LogTime,
  NodeRole,
  type TaskCounts,
  type VerifyResponse,
  type WatchClusterResponse,
  type Worker,
  WorkerReachability,
  WorkerState,
} from "../gen/mesh/v1/cluster_service.js";

const roleName: Readonly<Record<NodeRole, string>> = {
  [NodeRole.UNSPECIFIED]: "unknown",
  [NodeRole.LEADER]: "leader",
  [NodeRole.FOLLOWER]: "follower",
  [NodeRole.CANDIDATE]: "candidate",
  [NodeRole.LEARNER]: "learner",
  [NodeRole.UNRECOGNIZED]: "unknown",
};

const stateName: Readonly<Record<WorkerState, string>> = {
  [WorkerState.UNSPECIFIED]: "unknown",
  [WorkerState.ACTIVE]: "active",
  [WorkerState.DRAINING]: "draining",
  [WorkerState.DRAINED]: "drained",
  [WorkerState.LOST]: "lost",
  [WorkerState.UNRECOGNIZED]: "unknown",
};

const reachabilityName: Readonly<Record<WorkerReachability, string>> = {
  [WorkerReachability.UNSPECIFIED]: "unknown",
  [WorkerReachability.DIRECT]: "direct",
  [WorkerReachability.THROUGH_PEERS]: "through-peers",
  [WorkerReachability.NONE]: "none",
  [WorkerReachability.UNRECOGNIZED]: "unknown",
};

/** A worker as `GET /workers` shows it: enums by name, times in ISO 8601, null for never. */
export function workerView(worker: Worker): Record<string, unknown> {
  const { lastSeenMs, role, state, reachability, handlerTrouble, ...shown } = worker;
  const { clockAheadMs = null, ...rest } = shown;
  return {
    ...rest,
    role: roleName[role],
    state: stateName[state],
    reachability: reachabilityName[reachability],
    handlerTrouble: handlerTrouble === "" ? null : handlerTrouble,
    clockAheadMs,
    lastSeen: lastSeenMs === 0 ? null : new Date(lastSeenMs).toISOString(),
  };
}

/** What entries are stamped with; null where the leader is of an earlier version. */
export function logTimeView(logTime: LogTime | undefined): Record<string, unknown> | null {
  if (logTime === undefined) return null;
  const { nowMs, aheadMs, refusedJumps } = logTime;
  return { now: new Date(nowMs).toISOString(), aheadMs, refusedJumps };
}

/** What an event of the cluster says. */
export function clusterStateView(cluster: WatchClusterResponse): Record<string, unknown> {
  return {
    term: cluster.term,
    leader: leaderView(cluster),
    members: cluster.members.map(({ id, address, role, state }) => ({
      id,
      address,
      role: roleName[role],
      state: stateName[state],
    })),
    redis: redisView(cluster),
  };
}

/** Who leads and in which term; null where no leader is known. */
export function leaderView(
  cluster: Pick<GetClusterResponse, "leaderId" | "leaderAddress" | "term">,
): Record<string, unknown> | null {
  if (cluster.leaderId === "") return null;
  return { id: cluster.leaderId, address: cluster.leaderAddress, term: cluster.term };
}

/**
 * The answer of `GET /cluster`: indexes of log entries, members, links and counts as the node sees
 * them.
 */
export function clusterView(cluster: GetClusterResponse): Record<string, unknown> {
  return {
    mesh: cluster.meshName,
    meshId: cluster.meshId,
    nodeId: cluster.nodeId,
    term: cluster.term,
    leader: leaderView(cluster),
    lastIndex: cluster.lastIndex,
    commitIndex: cluster.commitIndex,
    appliedIndex: cluster.appliedIndex,
    redisAppliedIndex: cluster.redisAppliedIndex,
    members: cluster.members.map((member) => ({ ...member, role: roleName[member.role] })),
    links: cluster.links,
    redis: redisView(cluster),
    counts: countsView(cluster.counts),
    balancer: { policy: cluster.balancerPolicy },
    version: cluster.version,
  };
}

/** What an audit found. */
export function verifyView(found: VerifyResponse): Record<string, unknown> {
  const { contradictions, contradictionCount, ...rest } = found;
  return {
    consistent: contradictionCount === 0,
    ...rest,
    contradictionCount,
    contradictions: contradictions.map(({ taskId, text }) => ({
      taskId: taskId === "" ? null : taskId,
      text,
    })),
  };
}

/** Whether the node reaches Redis, and what is wrong where it does not; null for nothing. */
export function redisView({ redis }: Pick<GetClusterResponse, "redis">): Record<string, unknown> {
  const connected = redis?.connected ?? false;
  return { connected, error: redis === undefined || redis.error === "" ? null : redis.error };
}

/** Tasks by state, and pending ones by queue; null where Redis could not tell. */
export function countsView(counts: TaskCounts | undefined): Record<string, unknown> | null {
  if (counts === undefined) return null;
  const { queues, ...states } = counts;
  return { ...states, queues };
}
