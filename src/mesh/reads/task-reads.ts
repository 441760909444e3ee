// Reads of tasks on any node: from Redis, as fresh as asked for, and from the log where Redis is
// away.
import { setTimeout as sleep } from "node:timers/promises";
import type { TaskReads } from "../../api/task-backend.js";
import { type Task, TaskStatus } from "../../gen/mesh/v1/task.js";
import type {
  GetTaskRequest,
  ListTasksRequest,
  ListTasksResponse,
  WatchTasksRequest,
  WatchTasksResponse,
} from "../../gen/mesh/v1/task_service.js";
import type { ListTaskLogsRequest, ListTaskLogsResponse } from "../../gen/mesh/v1/task_log.js";
import { QueueError, requireThat } from "../../queue/errors.js";
import type { AppliedIndexWatch } from "../../queue/redis/applied-watch.js";
import { InvalidCursor, RedisBehind, RedisUnavailable } from "../../queue/redis/errors.js";
import type { LogReader } from "../../queue/redis/log-reader.js";
import type { TaskReader } from "../../queue/redis/reader.js";
import { taskFromLog } from "../../queue/task/task-from-log.js";
import { NoLeader, type RaftNode } from "../../raft/index.js";
import type { QueueMachine } from "../../queue/state/queue-machine.js";
import type { TaskEvents } from "./task-events.js";
import { isEnd } from "../../queue/task/task-end.js";
import { requireQueueName } from "./queue-name.js";
import type { TaskFeed } from "./task-feed.js";

const DEFAULT_PAGE = 50;
const MAX_PAGE = 1_000;
/** How long a read waits for Redis to reflect what it must show: its caller waits little longer. */
const FRESHNESS_MS = 1_500;
/**
 * Wait before a Redis server is read again that is behind the applied index another one published.
 */
const BEHIND_RETRY_MS = 50;
const RETRY_AFTER_MS = 1_000;

export interface TaskReadsOptions {
  readonly raft: Pick<RaftNode, "readIndex">;
  readonly machine: Pick<QueueMachine, "appliedIndex" | "definitions" | "table">;
  readonly reader: Pick<TaskReader, "reflecting" | "getTask" | "list">;
  readonly logs: Pick<LogReader, "read">;
  readonly appliedWatch: Pick<AppliedIndexWatch, "applied" | "waitFor">;
  readonly redisConnected: () => boolean;
  readonly feed: Pick<TaskFeed, "watch">;
  readonly events: Pick<TaskEvents, "watch">;
  readonly maxWaitMs: number;
  readonly now: () => number;
}

export class NodeTaskReads implements TaskReads {
  readonly #options: TaskReadsOptions;
  constructor(options: TaskReadsOptions) {
    this.#options = options;
  }

  /**
   * A task from Redis, or from the log where it runs and Redis is away; waits for its end where the
   * request says so.
   * @throws QueueError "not_found", "invalid_field", "no_leader" for a linearizable read,
   *   "redis_unavailable"
   */
  async get(request: GetTaskRequest, signal: AbortSignal): Promise<Task> {
    const { maxWaitMs } = this.#options;
    if (request.waitMs > maxWaitMs) {
      throw new QueueError("invalid_field", `wait must be at most ${maxWaitMs} ms`, {
        field: "wait",
      });
    }
    const readIndex = request.linearizable ? await this.#readIndex() : 0;
    const shows = Math.max(readIndex, request.minIndex);
    if (request.waitMs === 0) {
      return this.#find(request.id, shows, performance.now() + FRESHNESS_MS);
    }
    return this.#wait(request.id, shows, performance.now() + request.waitMs, signal);
  }

  /**
   * Answers when the task has ended, at `untilMs` of the process's clock, or where nobody waits.
   *
   * @param shows index of an entry that the answer must reflect
   */
  async #wait(id: string, shows: number, untilMs: number, signal: AbortSignal): Promise<Task> {
    let atLeast = shows;
    const readByMs = untilMs + FRESHNESS_MS;
    const settled = new AbortController();
    const stop = (): void => settled.abort();
    signal.addEventListener("abort", stop, { once: true });
    try {
      for (;;) {
        // Registered before the task is read, so that its end is not missed in between.
        const leftMs = Math.max(0, untilMs - performance.now());
        const watch = this.#options.feed.watch(id, leftMs, settled.signal);
        const task = await this.#find(id, atLeast, readByMs);
        if (isEnd(task.status)) return task;
        if (task.waitsFor.length === 0) watch.dependsOnNone();
        const index = await watch.ended;
        if (index === undefined) return await this.#find(id, atLeast, readByMs);
        atLeast = Math.max(atLeast, index);
      }
    } finally {
      settled.abort();
      signal.removeEventListener("abort", stop);
    }
  }

  /**
   * A page of tasks, newest first.
   * @throws QueueError "invalid_field", "invalid_cursor", "redis_unavailable"
   */
  async list(request: ListTasksRequest): Promise<ListTasksResponse> {
    const limit = pageLimit(request.limit, DEFAULT_PAGE);
    requireKnownStatus(request.status);
    requireQueueName(request.queue);
    try {
      const page = await this.#options.reader.list({
        limit,
        status: request.status === TaskStatus.UNSPECIFIED ? undefined : request.status,
        type: textOrNone(request.type),
        queue: textOrNone(request.queue),
        cursor: textOrNone(request.cursor),
      });
      return { tasks: [...page.tasks], nextCursor: page.nextCursor ?? "" };
    } catch (error) {
      throw refusal(error);
    }
  }

  /**
   * What the handler of a task wrote, oldest first.
   * @throws QueueError "not_found", "invalid_field", "invalid_cursor", "redis_unavailable"
   */
  async logs(request: ListTaskLogsRequest): Promise<ListTaskLogsResponse> {
    const { id, attempt, cursor } = request;
    const limit = pageLimit(request.limit, MAX_PAGE);
    await this.#find(id, 0, performance.now() + FRESHNESS_MS);
    try {
      return await this.#options.logs.read(id, {
        attempt: attempt === 0 ? undefined : attempt,
        limit,
        cursor,
      });
    } catch (error) {
      throw refusal(error);
    }
  }

  /**
   * Changes in log order, until `signal` is aborted or the node stops.
   * @throws QueueError "events_gone", "overloaded", "invalid_field"
   */
  watch(request: WatchTasksRequest, signal: AbortSignal): AsyncIterable<WatchTasksResponse> {
    return this.#options.events.watch(request, signal);
  }

  /**
   * Reads again with everything committed before it says that there is no such task.
   *
   * @param byMs time of the process's clock until which Redis is waited for
   */
  async #find(id: string, shows: number, byMs: number): Promise<Task> {
    const { redisConnected } = this.#options;
    const running = redisConnected() ? undefined : this.#fromLog(id, shows);
    if (running !== undefined) return running;
    try {
      const task = await this.#read(id, shows, byMs);
      if (task !== undefined) return task;
      const again = await this.#read(id, await this.#readIndex(), byMs);
      if (again !== undefined) return again;
    } catch (error) {
      const known = error instanceof RedisUnavailable ? this.#fromLog(id, shows) : undefined;
      if (known !== undefined) return known;
      throw unavailable(error);
    }
    throw new QueueError("not_found", `there is no task ${id}`, { field: "id" });
  }

  /**
   * The published applied index may come from another Redis server than the one that is read: in a
   * failover connections change over one by one.
   */
  async #read(id: string, shows: number, byMs: number): Promise<Task | undefined> {
    const { appliedWatch, reader } = this.#options;
    const leftMs = Math.max(0, byMs - performance.now());
    if (!(await appliedWatch.waitFor(shows, leftMs))) {
      throw new RedisBehind(appliedWatch.applied, shows);
    }
    for (;;) {
      try {
        return await reader.reflecting(shows, () => reader.getTask(id));
      } catch (error) {
        if (!(error instanceof RedisBehind) || performance.now() > byMs) throw error;
        await sleep(BEHIND_RETRY_MS);
      }
    }
  }

  #fromLog(id: string, shows: number): Task | undefined {
    const { machine, now } = this.#options;
    if (machine.appliedIndex < shows) return undefined;
    const definition = machine.definitions.get(id);
    const running = machine.table.get(id);
    // Once a task has ended its result is in Redis alone: undefined rather than an incomplete
    // answer.
    if (definition === undefined || machine.definitions.hasEnded(id)) return undefined;
    return taskFromLog(definition, running, now());
  }

  async #readIndex(): Promise<number> {
    try {
      return await this.#options.raft.readIndex();
    } catch (error) {
      if (!(error instanceof NoLeader)) throw error;
      throw new QueueError("no_leader", error.message, {
        retryAfterMs: RETRY_AFTER_MS,
        cause: error,
      });
    }
  }
}

function requireKnownStatus(status: TaskStatus): void {
  // What a later version may know, the decoder passes on as it is.
  const isKnown = status !== TaskStatus.UNRECOGNIZED && Object.values(TaskStatus).includes(status);
  requireThat(isKnown, "status", `${status} is not known: give one of mesh.v1.TaskStatus`);
}

function pageLimit(asked: number, ifNone: number): number {
  if (asked <= MAX_PAGE) return asked === 0 ? ifNone : asked;
  throw new QueueError("invalid_field", `limit must be 1 to ${MAX_PAGE}`, { field: "limit" });
}

/** What a page that could not be read is refused with. */
function refusal(error: unknown): unknown {
  if (!(error instanceof InvalidCursor)) return unavailable(error);
  return new QueueError("invalid_cursor", error.message, { field: "cursor" });
}

/** Redis that does not answer is a refusal that says so; the rest stays what it is. */
export function unavailable(error: unknown): unknown {
  if (!(error instanceof RedisUnavailable)) return error;
  const message =
    error instanceof RedisBehind
      ? `Redis reflects entry ${error.applied} of the log, and not ${error.expected} yet`
      : "Redis does not answer: it cannot be read just now";
  return new QueueError("redis_unavailable", message, {
    retryAfterMs: RETRY_AFTER_MS,
    cause: error,
  });
}

function textOrNone(text: string): string | undefined {
  return text === "" ? undefined : text;
}
