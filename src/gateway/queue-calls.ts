// What the routes ask of named queues, through whichever node leads.
import type { RepeatEffect } from "../api/call-outcome.js";
import type { PeerStub } from "../api/unary-client.js";
import type {
  LimitQueueRequest,
  ListQueuesRequest,
  ListQueuesResponse,
  Queue,
} from "../gen/mesh/v1/queue_service.js";
import { present } from "./answers.js";
import type { MeshCaller } from "./mesh-caller.js";

/** Every method rejects with MeshRefusal where the mesh refused or did not answer in time. */
export class QueueCalls {
  readonly #caller: MeshCaller;
  constructor(caller: MeshCaller) {
    this.#caller = caller;
  }

  /** A page of queues, by name. @throws MeshRefusal */
  list(request: ListQueuesRequest): Promise<ListQueuesResponse> {
    return this.#caller.call({
      stub: (peer) => peer.queues.listQueues.bind(peer.queues),
      request: () => request,
      repeat: "none",
    });
  }

  /** What is set for a queue, and its counts; a queue for which nothing is set has the defaults. */
  get(name: string): Promise<Queue> {
    return this.#queue("none", { name }, (peer) => peer.queues.getQueue.bind(peer.queues));
  }

  /** Puts these limits in the place of those that were. Repeated, it changes nothing more. */
  limit(request: LimitQueueRequest): Promise<Queue> {
    return this.#queue("same", request, (peer) => peer.queues.limitQueue.bind(peer.queues));
  }

  /** No task of the queue starts until it is resumed; those that run go on. */
  pause(name: string): Promise<Queue> {
    return this.#queue("same", { name }, (peer) => peer.queues.pauseQueue.bind(peer.queues));
  }

  /** Takes a pause back. */
  resume(name: string): Promise<Queue> {
    return this.#queue("same", { name }, (peer) => peer.queues.resumeQueue.bind(peer.queues));
  }

  async #queue<Request>(
    repeat: RepeatEffect,
    request: Request,
    stub: PeerStub<Request, { readonly queue?: Queue | undefined }>,
  ): Promise<Queue> {
    const { queue } = await this.#caller.call({ stub, request: () => request, repeat });
    return present(queue);
  }
}
