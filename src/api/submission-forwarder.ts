// Submits tasks at the leader so that each stays one task however often it is sent: every item has
// its id before it leaves this node.
import type {
  SubmitTaskRequest,
  SubmitTaskResponse,
  SubmitTaskResult,
  SubmitTasksRequest,
  SubmitTasksResponse,
} from "../gen/mesh/v1/task_service.js";
import { QueueError } from "../queue/errors.js";
import { detachedContext, type Forwarder } from "./forwarding.js";
import { hopsOf } from "./leader-try.js";
import { MAX_SUBMIT_ITEMS } from "./limits.js";
import { OPERATION_LIFETIME_MS } from "./operation-id.js";
import { queueErrorFrom } from "./status.js";
import { SubmissionJoiner } from "./submission-joiner.js";
import type { LeaderTaskOperations } from "./task-backend.js";
import { taskIds } from "./task-ids.js";
import type { CallContext } from "./unary-call.js";

export class SubmissionForwarder {
  readonly #operations: LeaderTaskOperations;
  readonly #forwarder: Forwarder;
  readonly #maxItems: number;
  readonly #newId = taskIds();
  readonly #joiner = new SubmissionJoiner((items, resend, deadlineMs) =>
    this.#submit([...items], resend, detachedContext(deadlineMs)),
  );

  constructor(operations: LeaderTaskOperations, forwarder: Forwarder, maxItems = MAX_SUBMIT_ITEMS) {
    this.#operations = operations;
    this.#forwarder = forwarder;
    this.#maxItems = maxItems;
  }

  /** One submission; throws what it is refused with. */
  async one(item: SubmitTaskRequest, context: CallContext): Promise<SubmitTaskResponse> {
    // Who chooses an id may be sending it for the second time.
    const resend = item.id !== "";
    // Whether a unique key is free is told by Redis: no others have to wait for that.
    const result =
      hopsOf(context.metadata) === 0 && item.uniqueKey === ""
        ? await this.#joiner.join(item, resend, context.deadlineMs)
        : (await this.#submit([item], resend, context))[0];
    const outcome = result?.outcome;
    if (outcome === undefined) throw new Error("the leader answered without an outcome");
    switch (outcome.$case) {
      case "submitted":
        return outcome.value;
      case "refused": {
        const refusal = queueErrorFrom(outcome.value);
        throw refusal ?? new Error(`refused: ${outcome.value.code}: ${outcome.value.message}`);
      }
    }
  }

  /** Several submissions; a refused one is refused alone. Throws "too_many_items" past the bound. */
  async many(request: SubmitTasksRequest, context: CallContext): Promise<SubmitTaskResult[]> {
    if (request.items.length > this.#maxItems) {
      throw new QueueError(
        "too_many_items",
        `${request.items.length} items: at most ${this.#maxItems} are taken at a time`,
        { field: "items" },
      );
    }
    if (request.items.length === 0) return [];
    return this.#submit(request.items, request.resend, context, request.expiresAtMs);
  }

  async #submit(
    items: readonly SubmitTaskRequest[],
    resend: boolean,
    context: CallContext,
    expiresAtMs = this.#forwarder.now() + OPERATION_LIFETIME_MS,
  ): Promise<SubmitTaskResult[]> {
    const chosenHere = new Set<string>();
    const named = items.map((item) => {
      if (item.id !== "") return item;
      const id = this.#newId();
      chosenHere.add(id);
      return { ...item, id };
    });
    const { results } = await this.#forwarder.run<SubmitTasksRequest, SubmitTasksResponse>(
      {
        request: { items: named, resend, expiresAtMs },
        again: (request) => ({ ...request, resend: true }),
        repeat: "same",
        local: async (request) => ({ results: await this.#operations.submit(request) }),
        stub: (peer) => (request, metadata, callOptions, callback) => {
          // What came with ids may have lain here, while its sender has asked another node.
          const again = request.resend || chosenHere.size < items.length;
          const handedOn = { ...request, resend: again };
          return peer.tasks.submitTasks(handedOn, metadata, callOptions, callback);
        },
      },
      context,
    );
    if (results.length !== items.length) {
      throw new Error(`${items.length} submissions got ${results.length} results`);
    }
    return results.map((result) => asCreatedHere(result, chosenHere));
  }
}

/** A task with an id of our own choosing is new to the caller, also where a resend found it. */
function asCreatedHere(
  result: SubmitTaskResult,
  chosenHere: ReadonlySet<string>,
): SubmitTaskResult {
  if (result.outcome?.$case !== "submitted") return result;
  const { value } = result.outcome;
  if (value.created || value.task === undefined || !chosenHere.has(value.task.id)) return result;
  return { outcome: { $case: "submitted", value: { ...value, created: true } } };
}
