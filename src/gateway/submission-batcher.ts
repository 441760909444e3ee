// Submissions that arrive together share calls: a few are under way at a time, what comes meanwhile
// makes the next one. A lone submission is sent at once; nothing waits for a timer.
import type {
  SubmitTaskRequest,
  SubmitTaskResponse,
  SubmitTaskResult,
} from "../gen/mesh/v1/task_service.js";
import {
  MAX_BATCH_BYTES,
  MAX_BATCH_ITEMS,
  MAX_BATCHES_IN_FLIGHT,
  MAX_QUEUED_BYTES,
  MAX_QUEUED_SUBMISSIONS,
} from "./limits.js";
import { MeshRefusal, unavailable } from "./mesh-refusal.js";

/** Sends one batch; resolves with one result per item, in order. */
export type SendBatch = (items: SubmitTaskRequest[]) => Promise<readonly SubmitTaskResult[]>;

interface Queued {
  readonly item: SubmitTaskRequest;
  readonly resolve: (response: SubmitTaskResponse) => void;
  readonly reject: (error: unknown) => void;
}

export class SubmissionBatcher {
  readonly #send: SendBatch;
  #queue: Queued[] = [];
  #queuedBytes = 0;
  #inFlight = 0;
  #scheduled = false;

  constructor(send: SendBatch) {
    this.#send = send;
  }

  /** Rejects with the item's own refusal, or with that of the whole call. */
  submit(item: SubmitTaskRequest): Promise<SubmitTaskResponse> {
    const sizeBytes = item.data.length;
    const isFull =
      this.#queue.length >= MAX_QUEUED_SUBMISSIONS ||
      this.#queuedBytes + sizeBytes > MAX_QUEUED_BYTES;
    if (isFull) {
      return Promise.reject(unavailable("overloaded", "too many submissions wait in the gateway"));
    }
    return new Promise((resolve, reject) => {
      this.#queue.push({ item, resolve, reject });
      this.#queuedBytes += sizeBytes;
      if (this.#scheduled) return;
      this.#scheduled = true;
      // After the requests that were read in this turn of the event loop.
      setImmediate(() => {
        this.#scheduled = false;
        this.#flush();
      });
    });
  }

  #flush(): void {
    while (this.#inFlight < MAX_BATCHES_IN_FLIGHT && this.#queue.length > 0) {
      this.#inFlight += 1;
      const batch = this.#take();
      this.#send(batch.map(({ item }) => item))
        .then(
          (results) => settle(batch, results),
          (error: unknown) => batch.forEach(({ reject }) => reject(error)),
        )
        .finally(() => {
          this.#inFlight -= 1;
          this.#flush();
        });
    }
  }

  #take(): Queued[] {
    let count = 0;
    let sizeBytes = 0;
    for (const { item } of this.#queue) {
      if (count === MAX_BATCH_ITEMS) break;
      if (count > 0 && sizeBytes + item.data.length > MAX_BATCH_BYTES) break;
      sizeBytes += item.data.length;
      count += 1;
    }
    this.#queuedBytes -= sizeBytes;
    return this.#queue.splice(0, count);
  }
}

function settle(batch: readonly Queued[], results: readonly SubmitTaskResult[]): void {
  for (const [at, { item, resolve, reject }] of batch.entries()) {
    const outcome = results[at]?.outcome;
    switch (outcome?.$case) {
      case "submitted":
        resolve(asCreatedHere(outcome.value, item.id));
        break;
      case "refused":
        reject(new MeshRefusal(outcome.value));
        break;
      case undefined:
        reject(new Error("the node left a submission without a result"));
    }
  }
}

/** A task under the id that was chosen here is new to the client, also where a resend found it. */
function asCreatedHere(response: SubmitTaskResponse, id: string): SubmitTaskResponse {
  return response.created || response.task?.id !== id ? response : { ...response, created: true };
}
