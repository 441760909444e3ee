// What the routes ask of named queues, through whichever node leads.
import type { RepeatEffect } from "../api/forwarding.js";
import type {
  LimitQueueRequest,
  ListQueuesRequest,
  ListQueuesResponse,
  Queue,
} from "../gen/mesh/v1/queue_service.js";
import { present } from "./answers.js";
import type { Stub } from "./mesh-call.js";
import type { MeshCaller } from "./mesh-caller.js";

/** Every method rejects with MeshRefusal where the mesh refused or did not answer in time. */
export class QueueCalls {
  readonly #caller: MeshCaller;
  constructor(caller: MeshCaller) {
    this.#caller = caller;
  }

  list(request: ListQueuesRequest): Promise<ListQueuesResponse> {
    return this.#caller.call({
      stub: (peer) => peer.queues.listQueues.bind(peer.queues),
      request: () => request,
      repeat: "none",
    });
  }

  get(name: string): Promise<Queue> {
    return this.#queue("none", { name }, (peer) => peer.queues.getQueue.bind(peer.queues));
  }

  limit(request: LimitQueueRequest): Promise<Queue> {
    return this.#queue("same", request, (peer) => peer.queues.limitQueue.bind(peer.queues));
  }

  pause(name: string): Promise<Queue> {
    return this.#queue("same", { name }, (peer) => peer.queues.pauseQueue.bind(peer.queues));
  }

  resume(name: string): Promise<Queue> {
    return this.#queue("same", { name }, (peer) => peer.queues.resumeQueue.bind(peer.queues));
  }

  async #queue<Request>(
    repeat: RepeatEffect,
    request: Request,
    stub: Stub<Request, { readonly queue?: Queue | undefined }>,
  ): Promise<Queue> {
    const { queue } = await this.#caller.call({ stub, request: () => request, repeat });
    return present(queue);
  }
}
