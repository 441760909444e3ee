// What the routes ask of dead tasks as a whole, through whichever node leads.
import type { PeerStub } from "../api/unary-client.js";
import type { Operation } from "../gen/mesh/v1/operation.js";
import type {
  DeadLetterSelection,
  RetryDeadLettersRequest,
  RetryDeadLettersResponse as TakenDeadLetters,
} from "../gen/mesh/v1/task_service.js";
import { CHANGE_TRY_MS } from "./limits.js";
import type { MeshCaller } from "./mesh-caller.js";

/** Every method rejects with MeshRefusal where the mesh refused or did not answer in time. */
export class DeadLetterCalls {
  readonly #caller: MeshCaller;
  constructor(caller: MeshCaller) {
    this.#caller = caller;
  }

  /** Runs them again. @throws MeshRefusal */
  retry(selection: DeadLetterSelection, operation: Operation): Promise<TakenDeadLetters> {
    return this.#take((peer) => peer.tasks.retryDeadLetters.bind(peer.tasks), selection, operation);
  }

  /** Removes them for good. @throws MeshRefusal */
  drop(selection: DeadLetterSelection, operation: Operation): Promise<TakenDeadLetters> {
    return this.#take((peer) => peer.tasks.dropDeadLetters.bind(peer.tasks), selection, operation);
  }

  #take(
    stub: PeerStub<RetryDeadLettersRequest, TakenDeadLetters>,
    selection: DeadLetterSelection,
    operation: Operation,
  ): Promise<TakenDeadLetters> {
    return this.#caller.change({ stub, request: { selection, operation }, tryMs: CHANGE_TRY_MS });
  }
}
