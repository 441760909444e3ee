// What the routes ask of named queues, through whichever node leads.
import type { PeerStub } from "../api/unary-client.js";
import type { Operation } from "../gen/mesh/v1/operation.js";
import type {
  LimitQueueRequest,
  ListQueuesRequest,
  ListQueuesResponse,
  PauseQueueRequest,
  Queue,
  ResumeQueueRequest,
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
  async get(name: string): Promise<Queue> {
    const { queue } = await this.#caller.call({
      stub: (peer) => peer.queues.getQueue.bind(peer.queues),
      request: () => ({ name }),
      repeat: "none",
    });
    return present(queue);
  }

  /** Puts these limits in the place of those that were. Repeated, it changes nothing more. */
  limit(request: LimitQueueRequest): Promise<Queue> {
    return this.#change(request, (peer) => peer.queues.limitQueue.bind(peer.queues));
  }

  /** No task of the queue starts until it is resumed; those that run go on. */
  pause(request: PauseQueueRequest): Promise<Queue> {
    return this.#change(request, (peer) => peer.queues.pauseQueue.bind(peer.queues));
  }

  /** Takes a pause back. */
  resume(request: ResumeQueueRequest): Promise<Queue> {
    return this.#change(request, (peer) => peer.queues.resumeQueue.bind(peer.queues));
  }

  async #change<Request extends { readonly operation?: Operation | undefined }>(
    request: Request,
    stub: PeerStub<Request, { readonly queue?: Queue | undefined }>,
  ): Promise<Queue> {
    const { queue } = await this.#caller.change({ stub, request });
    return present(queue);
  }
}
