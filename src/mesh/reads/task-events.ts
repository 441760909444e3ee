// Serves watches of tasks on this node: each pulls the stream of events from where it stands, from
// memory while it keeps up and from Redis while it does not, so that no watcher can fill a buffer.
import { isAborted } from "../../api/is-aborted.js";
import type { WatchTasksRequest, WatchTasksResponse } from "../../gen/mesh/v1/task_service.js";
import { QueueError } from "../../queue/errors.js";
import { RedisUnavailable } from "../../queue/redis/errors.js";
import { EventsGone, type EventReader } from "../../queue/redis/event-reader.js";
import {
  isBefore,
  type EventPosition,
  type EventRecord,
  type TaskChange,
} from "../../queue/redis/event-record.js";
import type { EventTail } from "../../queue/redis/event-tail.js";
import { NoLeader } from "../../raft/index.js";
import { batchMessage, progressMessage } from "./event-messages.js";
import { EventPages } from "./event-pages.js";
import { requireQueueName } from "./queue-name.js";
import { TurnBudget } from "./turn-budget.js";

/** Watches served at a time. */
const MAX_WATCHES = 1_000;
/** Ids of one watch. */
const MAX_WATCHED_IDS = 1_000;
/** How often a batched watch tells that it has moved on though nothing matched. */
const PROGRESS_MS = 5_000;
/** Wait before Redis is read again where it failed, or has not got to where the watch stands. */
const RETRY_MS = 250;
/** Changes that are told in one turn of the event loop, to all watches together. */
const CHANGES_PER_TURN = 2_000;

export interface TaskEventsOptions {
  readonly tail: Pick<EventTail, "open" | "from" | "changed">;
  readonly reader: Pick<EventReader, "read" | "oldestIndex">;
  /** Index of the last entry that this node has applied. */
  readonly appliedIndex: () => number;
  /** An index that is not behind any change that anybody has seen; throws NoLeader. */
  readonly readIndex: () => Promise<number>;
}

export class TaskEvents {
  readonly #options: TaskEventsOptions;
  readonly #closing = new AbortController();
  readonly #turns = new TurnBudget(CHANGES_PER_TURN);
  #watches = 0;

  constructor(options: TaskEventsOptions) {
    this.#options = options;
  }

  /**
   * The changes that `request` asks for, until `signal` is aborted or the node stops. While Redis
   * is away it waits.
   * @throws QueueError "events_gone", "overloaded", "invalid_field"
   */
  async *watch(request: WatchTasksRequest, signal: AbortSignal): AsyncIterable<WatchTasksResponse> {
    if (request.ids.length > MAX_WATCHED_IDS) {
      throw new QueueError("invalid_field", `watch at most ${MAX_WATCHED_IDS} ids`, {
        field: "ids",
      });
    }
    requireQueueName(request.queue);
    if (this.#watches >= MAX_WATCHES) {
      throw new QueueError("overloaded", `${MAX_WATCHES} watches are served already`, {
        retryAfterMs: 1_000,
      });
    }
    const ended = AbortSignal.any([signal, this.#closing.signal]);
    const leave = this.#options.tail.open();
    this.#watches += 1;
    try {
      const from = await this.#begin(request);
      yield* this.#follow(request, from, ended);
    } finally {
      this.#watches -= 1;
      leave();
    }
  }

  /** Ends every watch; their clients go on with another node. */
  close(): void {
    this.#closing.abort();
  }

  async #begin({ fromIndex, fromPosition }: WatchTasksRequest): Promise<EventPosition> {
    // Where the node's own view is old the watch begins earlier: more is told, not less.
    if (fromIndex === undefined) return { index: this.#options.appliedIndex() + 1, position: 0 };
    const from = { index: Math.max(1, fromIndex), position: fromPosition };
    await this.#checkIsOfThisLog(from);
    return from;
  }

  /** An index that the log has not reached was seen in another log: there is nothing to wait for. */
  async #checkIsOfThisLog({ index }: EventPosition): Promise<void> {
    const { readIndex, reader } = this.#options;
    try {
      if (index <= (await readIndex()) + 1) return;
    } catch (error) {
      // Without a leader nothing can be said: the watch begins, and waits.
      if (error instanceof NoLeader) return;
      throw error;
    }
    throw gone(`the log does not reach to entry ${index}`, await reader.oldestIndex());
  }

  async *#follow(
    request: WatchTasksRequest,
    from: EventPosition,
    ended: AbortSignal,
  ): AsyncIterable<WatchTasksResponse> {
    const matches = filterOf(request);
    const pages = new EventPages(this.#options.reader);
    let next = from;
    /** The place of which the watcher was told last, and when. */
    let told: EventPosition | undefined;
    let toldAtMs = Number.NEGATIVE_INFINITY;
    while (!ended.aborted) {
      const { records, retryMs } = await this.#read(next, told === undefined, pages);
      if (told === undefined) {
        if (request.batched) yield progressMessage(next);
        told = next;
        toldAtMs = performance.now();
      }
      for (const record of records) {
        const start = next;
        next = record.next;
        const changes = record.changes.filter(
          (change) => !isBefore(change, start) && matches(change),
        );
        const isDue = performance.now() - toldAtMs >= PROGRESS_MS;
        await this.#turns.take(1 + changes.length);
        if (changes.length === 0 && !isDue) continue;
        if (request.batched) yield batchMessage(record, changes);
        else yield* changes;
        told = next;
        toldAtMs = performance.now();
        if (isAborted(ended)) return;
      }
      if (records.length > 0) continue;
      if (request.batched && isBefore(told, next) && performance.now() - toldAtMs >= PROGRESS_MS) {
        yield progressMessage(next);
        told = next;
        toldAtMs = performance.now();
      }
      await this.#options.tail.changed(retryMs, ended);
    }
  }

  /** What there is from `from` on, and when to look again where the tail does not tell. */
  async #read(
    from: EventPosition,
    isFirst: boolean,
    pages: EventPages,
  ): Promise<{ readonly records: readonly EventRecord[]; readonly retryMs: number }> {
    const { tail } = this.#options;
    const live = isFirst ? undefined : tail.from(from);
    if (live !== undefined) return { records: live, retryMs: PROGRESS_MS };
    // Read and decoded for this watch alone.
    await this.#turns.take(CHANGES_PER_TURN);
    try {
      return { records: await pages.from(from), retryMs: RETRY_MS };
    } catch (error) {
      if (error instanceof EventsGone) throw gone(error.message, error.oldestIndex);
      if (!(error instanceof RedisUnavailable)) throw error;
      return { records: [], retryMs: RETRY_MS };
    }
  }
}

function gone(message: string, oldestIndex: number): QueueError {
  return new QueueError("events_gone", message, { field: "from_index", oldestIndex });
}

function filterOf({ ids, type, queue }: WatchTasksRequest): (change: TaskChange) => boolean {
  const wanted = new Set(ids);
  return (change) =>
    (wanted.size === 0 || wanted.has(change.id)) &&
    (type === "" || change.type === type) &&
    (queue === "" || change.queue === queue);
}
