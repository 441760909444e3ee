// What clients ask of named queues, where this node leads: what is set for them comes from the log,
// how many tasks they have from Redis and the table of assignments.
import { isName, NAME_RULE } from "../../input/name-rule.js";
import type { LeaderQueueOperations } from "../../api/task-backend.js";
import type { QueueControls as Controls } from "../../gen/mesh/v1/queue.js";
import type {
  LimitQueueRequest,
  ListQueuesRequest,
  ListQueuesResponse,
  PauseQueueRequest,
  Queue,
} from "../../gen/mesh/v1/queue_service.js";
import { QueueError, requireThat } from "../../queue/errors.js";
import { RedisUnavailable } from "../../queue/redis/errors.js";
import type { QueueReader } from "../../queue/redis/queue-reader.js";
import { unavailable } from "../reads/task-reads.js";
import type { LeadershipTracker } from "./leadership-tracker.js";
import type { QueueMachine } from "../../queue/state/queue-machine.js";

const MAX_LISTED = 1_000;
const DEFAULT_LISTED = 100;

export interface MeshQueuesOptions {
  readonly leadership: LeadershipTracker;
  readonly machine: QueueMachine;
  readonly reader: QueueReader;
}

/** Every method rejects with QueueError "not_leader" on another node. */
export class LeaderQueues implements LeaderQueueOperations {
  readonly #options: MeshQueuesOptions;
  constructor(options: MeshQueuesOptions) {
    this.#options = options;
  }

  /**
   * Queues that Redis has seen or for which something is set, by name.
   * @throws QueueError "not_leader", "invalid_field", "redis_unavailable"
   */
  async list(request: ListQueuesRequest): Promise<ListQueuesResponse> {
    const { leadership, machine } = this.#options;
    const { queues } = leadership.requireLeader();
    if (request.limit > MAX_LISTED) {
      const message = `limit must be at most ${MAX_LISTED}`;
      throw new QueueError("invalid_field", message, { field: "limit" });
    }
    const limit = request.limit === 0 ? DEFAULT_LISTED : request.limit;
    const seen = await this.#seen(request.after, limit + 1);
    const configured = [...machine.queues.names()].filter((name) => name > request.after);
    const names = [...new Set([...seen, ...configured])].sort().slice(0, limit + 1);
    const shown = names.slice(0, limit);
    const listed = await this.#shown(shown.map((name) => queues.get(name)));
    return { queues: listed, nextAfter: names.length > limit ? (shown.at(-1) ?? "") : "" };
  }

  /**
   * A queue for which nothing is set has the defaults.
   * @throws QueueError "not_leader", "invalid_field"
   */
  async get(name: string): Promise<Queue> {
    requireThat(isName(name), "name", NAME_RULE);
    return this.#one(this.#options.leadership.requireLeader().queues.get(name));
  }

  /** @throws QueueError "not_leader", "invalid_field", "too_many_items", "overloaded" */
  async limit({ name, limits, operation }: LimitQueueRequest): Promise<Queue> {
    const { queues } = this.#options.leadership.requireLeader();
    return this.#one(await queues.limit(operation, name, limits));
  }

  /** @throws QueueError "not_leader", "invalid_field", "too_many_items", "overloaded" */
  async pause({ name, operation }: PauseQueueRequest, paused: boolean): Promise<Queue> {
    const { queues } = this.#options.leadership.requireLeader();
    return this.#one(await queues.pause(operation, name, paused));
  }

  async #one(controls: Controls): Promise<Queue> {
    const [queue] = await this.#shown([controls]);
    return queue ?? { controls, counts: undefined };
  }

  /** Without counts while Redis is away. */
  async #shown(all: readonly Controls[]): Promise<Queue[]> {
    const { reader, machine } = this.#options;
    const running = new Map<string, number>();
    for (const { assignment } of machine.table.all()) {
      running.set(assignment.queue, (running.get(assignment.queue) ?? 0) + 1);
    }
    const stored = await reader.counts(all.map(({ name }) => name)).catch((error: unknown) => {
      if (!(error instanceof RedisUnavailable)) throw error;
      return [];
    });
    return all.map((controls, at) => {
      const counts = stored[at];
      return {
        controls,
        counts: counts && { ...counts, running: running.get(controls.name) ?? 0 },
      };
    });
  }

  async #seen(after: string, limit: number): Promise<readonly string[]> {
    try {
      return await this.#options.reader.names(after, limit);
    } catch (error) {
      throw unavailable(error);
    }
  }
}
