// mesh.v1.QueueService: every call is the leader's.
import type { Queue, QueueServiceServer } from "../gen/mesh/v1/queue_service.js";
import type { EdgeLog } from "./edge-log.js";
import type { Forwarder, RepeatEffect, UnaryStub } from "./forwarding.js";
import type { PeerClients } from "./client-pool.js";
import type { LeaderQueues } from "./task-backend.js";
import { unaryHandler } from "./unary-call.js";

export interface QueueServiceOptions {
  readonly queues: LeaderQueues;
  readonly forwarder: Forwarder;
  readonly log: EdgeLog;
}

export function createQueueService(options: QueueServiceOptions): QueueServiceServer {
  const { queues, forwarder, log } = options;
  const ofLeader = <Request, Response>(
    repeat: RepeatEffect,
    local: (request: Request) => Promise<Response>,
    stub: (peer: PeerClients) => UnaryStub<Request, Response>,
  ) =>
    unaryHandler<Request, Response>(
      (request, context) => forwarder.run({ request, repeat, local, stub }, context),
      log,
    );
  const one = async (queue: Promise<Queue>) => ({ queue: await queue });
  return {
    listQueues: ofLeader(
      "none",
      (request) => queues.list(request),
      (peer) => peer.queues.listQueues.bind(peer.queues),
    ),
    getQueue: ofLeader(
      "none",
      ({ name }) => one(queues.get(name)),
      (peer) => peer.queues.getQueue.bind(peer.queues),
    ),
    // Set twice, it is as asked for all the same.
    limitQueue: ofLeader(
      "same",
      ({ name, limits }) => one(queues.limit(name, limits)),
      (peer) => peer.queues.limitQueue.bind(peer.queues),
    ),
    pauseQueue: ofLeader(
      "same",
      ({ name }) => one(queues.pause(name, true)),
      (peer) => peer.queues.pauseQueue.bind(peer.queues),
    ),
    resumeQueue: ofLeader(
      "same",
      ({ name }) => one(queues.pause(name, false)),
      (peer) => peer.queues.resumeQueue.bind(peer.queues),
    ),
  };
}
