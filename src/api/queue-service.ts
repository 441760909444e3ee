// mesh.v1.QueueService: every call is the leader's.
import type { Queue, QueueServiceServer } from "../gen/mesh/v1/queue_service.js";
import type { EdgeLog } from "./edge-log.js";
import type { Forwarder } from "./forwarding.js";
import { changeHandler, leaderHandler } from "./leader-call.js";
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
      (request) => queues.list(request),
      (peer) => peer.queues.listQueues.bind(peer.queues),
    ),
    getQueue: leaderHandler(
      options,
      ({ name }) => one(queues.get(name)),
      (peer) => peer.queues.getQueue.bind(peer.queues),
    ),
    limitQueue: changeHandler(
      options,
      (request) => one(queues.limit(request)),
      (peer) => peer.queues.limitQueue.bind(peer.queues),
    ),
    pauseQueue: changeHandler(
      options,
      (request) => one(queues.pause(request, true)),
      (peer) => peer.queues.pauseQueue.bind(peer.queues),
    ),
    resumeQueue: changeHandler(
      options,
      (request) => one(queues.pause(request, false)),
      (peer) => peer.queues.resumeQueue.bind(peer.queues),
    ),
  };
}
