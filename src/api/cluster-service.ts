// mesh.v1.ClusterService: the node's own view of the cluster, and the leader's power over it.
import type { ClusterServiceServer } from "../gen/mesh/v1/cluster_service.js";
import type { EdgeLog } from "./edge-log.js";
import type { Forwarder } from "./forwarding.js";
import { changeHandler, leaderHandler } from "./leader-call.js";
import { ofNamed } from "./named-requests.js";
import type { ClusterReads, LeaderClusterOperations } from "./task-backend.js";
import { streamHandler } from "./stream-call.js";
import { unaryHandler } from "./unary-call.js";

export interface ClusterServiceOptions {
  readonly operations: LeaderClusterOperations;
  readonly reads: ClusterReads;
  readonly forwarder: Forwarder;
  readonly log: EdgeLog;
}

/** mesh.v1.ClusterService: reads are answered by this node, all else by the leader. */
export function createClusterService(options: ClusterServiceOptions): ClusterServiceServer {
  const { operations, reads, log } = options;
  return {
    getCluster: unaryHandler(() => reads.cluster(), log),
    watchCluster: streamHandler((_, signal) => reads.watchCluster(signal), log),
    listWorkers: leaderHandler(
      options,
      () => operations.workers(),
      (peer) => peer.cluster.listWorkers.bind(peer.cluster),
    ),
    verify: leaderHandler(
      options,
      (_, { signal }) => operations.verify(signal),
      (peer) => peer.cluster.verify.bind(peer.cluster),
    ),
    transferLeadership: changeHandler(
      options,
      (own) => operations.transfer(own),
      (peer) => peer.cluster.transferLeadership.bind(peer.cluster),
    ),
    drainWorker: ofNamed(
      changeHandler(
        options,
        async (own) => ({ worker: await operations.drain(own) }),
        (peer) => peer.cluster.drainWorker.bind(peer.cluster),
      ),
    ),
  };
}
