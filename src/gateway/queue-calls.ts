// What the routes ask of named queues, through whichever node leads.
import type { PeerClients } from "../api/client-pool.js";
import type { UnaryStub } from "../api/forwarding.js";
import type {
  LimitQueueRequest,
  ListQueuesRequest,
  ListQueuesResponse,
  Queue,
} from "../gen/mesh/v1/queue_service.js";
import { present } from "./answers.js";
import { CALL_TRY_MS } from "./limits.js";
import type { MeshCaller } from "./mesh-caller.js";

/** Every method rejects with MeshRefusal where the mesh refused or did not answer in time. */
export class QueueCalls {
  constructor(
    private readonly caller: MeshCaller,
    private readonly retryForMs: number,
  ) {}

  list(request: ListQueuesRequest): Promise<ListQueuesResponse> {
    return this.atLeader("none", request, (peer) => peer.queues.listQueues.bind(peer.queues));
  }

  async get(name: string): Promise<Queue> {
    const request = { name };
    return queueOf(
      await this.atLeader("none", request, (peer) => peer.queues.getQueue.bind(peer.queues)),
    );
  }

  async limit(request: LimitQueueRequest): Promise<Queue> {
    return queueOf(
      await this.atLeader("same", request, (peer) => peer.queues.limitQueue.bind(peer.queues)),
    );
  }

  async pause(name: string): Promise<Queue> {
    const request = { name };
    return queueOf(
      await this.atLeader("same", request, (peer) => peer.queues.pauseQueue.bind(peer.queues)),
    );
  }

  async resume(name: string): Promise<Queue> {
    const request = { name };
    return queueOf(
      await this.atLeader("same", request, (peer) => peer.queues.resumeQueue.bind(peer.queues)),
    );
  }

  private atLeader<Request, Response>(
    repeat: "none" | "same",
    request: Request,
    stub: (peer: PeerClients) => UnaryStub<Request, Response>,
  ): Promise<Response> {
    const { retryForMs } = this;
    return this.caller.call({
      stub,
      request: () => request,
      target: "leader",
      repeat,
      tryMs: CALL_TRY_MS,
      retryForMs,
    });
  }
}

function queueOf({ queue }: { readonly queue?: Queue | undefined }): Queue {
  return present(queue);
}
