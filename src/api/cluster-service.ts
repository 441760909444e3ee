// mesh.v1.ClusterService: the node's own view of the cluster, and the leader's power over it.
import type { ClusterServiceServer } from "../gen/mesh/v1/cluster_service.js";
import type { EdgeLog } from "./edge-log.js";
import type { Forwarder } from "./forwarding.js";
import type { ClusterReads, LeaderClusterOperations } from "./task-backend.js";
import { streamHandler } from "./stream-call.js";
import { unaryHandler } from "./unary-call.js";

export interface ClusterServiceOptions {
  readonly operations: LeaderClusterOperations;
  readonly reads: ClusterReads;
  readonly forwarder: Forwarder;
  readonly log: EdgeLog;
}

export function createClusterService(options: ClusterServiceOptions): ClusterServiceServer {
  const { operations, reads, forwarder, log } = options;
  return {
    getCluster: unaryHandler(() => reads.cluster(), log),
    watchCluster: streamHandler((_, signal) => reads.watchCluster(signal), log),
    listWorkers: unaryHandler(
      (request, context) =>
        forwarder.run(
          {
            request,
            repeat: "none",
            local: async () => ({ workers: await operations.workers() }),
            stub: (peer) => peer.cluster.listWorkers.bind(peer.cluster),
          },
          context,
        ),
      log,
    ),
    verify: unaryHandler(
      (request, context) =>
        forwarder.run(
          {
            request,
            repeat: "none",
            local: () => operations.verify(context.signal),
            stub: (peer) => peer.cluster.verify.bind(peer.cluster),
          },
          context,
        ),
      log,
    ),
    transferLeadership: unaryHandler(
      (request, context) =>
        forwarder.run(
          {
            request,
            repeat: "other",
            local: (own) => operations.transfer(own),
            stub: (peer) => peer.cluster.transferLeadership.bind(peer.cluster),
          },
          context,
        ),
      log,
    ),
    drainWorker: unaryHandler(
      (request, context) =>
        forwarder.run(
          {
            request,
            repeat: "same",
            local: async (own) => ({ worker: await operations.drain(own) }),
            stub: (peer) => peer.cluster.drainWorker.bind(peer.cluster),
          },
          context,
        ),
      log,
    ),
  };
}
