// mesh.v1.QueueService: every call is the leader's.
import type { Queue, QueueServiceServer } from "../gen/mesh/v1/queue_service.js";
import type { EdgeLog } from "./edge-log.js";
import type { Forwarder } from "./forwarding.js";
import { leaderHandler } from "./leader-call.js";
import type { LeaderQueueOperations } from "./task-backend.js";

export interface QueueServiceOptions {
  readonly queues: LeaderQueueOperations;
  readonly forwarder: Forwarder;
  readonly log: EdgeLog;
}

/** mesh.v1.QueueService; done by the leader. */
export function createQueueService(options: QueueServiceOptions): QueueServiceServer {
  const { queues } = options;
  const one = async (queue: Promise<Queue>) => ({ queue: await queue });
  return {
    listQueues: leaderHandler(
      options,
      "none",
      (request) => queues.list(request),
      (peer) => peer.queues.listQueues.bind(peer.queues),
    ),
    getQueue: leaderHandler(
      options,
      "none",
      ({ name }) => one(queues.get(name)),
      (peer) => peer.queues.getQueue.bind(peer.queues),
    ),
    // Set twice, it is as asked for all the same.
    limitQueue: leaderHandler(
      options,
      "same",
      ({ name, limits }) => one(queues.limit(name, limits)),
      (peer) => peer.queues.limitQueue.bind(peer.queues),
    ),
    pauseQueue: leaderHandler(
      options,
      "same",
      ({ name }) => one(queues.pause(name, true)),
      (peer) => peer.queues.pauseQueue.bind(peer.queues),
    ),
    resumeQueue: leaderHandler(
      options,
      "same",
      ({ name }) => one(queues.pause(name, false)),
      (peer) => peer.queues.resumeQueue.bind(peer.queues),
    ),
  };
}
