// Dead tasks as a whole: run them again, or drop them. The leader resolves what is asked for into
// ids by reading Redis, so that the command in the log names each task.
import type { DeadLetters } from "../../api/task-backend.js";
import { TaskStatus } from "../../gen/mesh/v1/task.js";
import type { DeadLetterSelection } from "../../gen/mesh/v1/task_service.js";
import { QueueError } from "../../queue/errors.js";
import type { AppliedIndexWatch } from "../../queue/redis/applied-watch.js";
import type { TaskReader } from "../../queue/redis/reader.js";
import type { RunState } from "../../queue/redis/run-state.js";
import type { LeadershipTracker } from "./leadership-tracker.js";
import { requireQueueName } from "../reads/queue-name.js";
import { unavailable } from "../reads/task-reads.js";

/** Tasks of one call. */
const MAX_SELECTED = 1_000;
/** Pages looked through for tasks that match a filter; each looks at some thousands. */
const MAX_PAGES = 20;
const APPLY_MS = 5_000;
const RETRY_AFTER_MS = 1_000;

export interface DeadLettersOptions {
  readonly leadership: LeadershipTracker;
  readonly reader: TaskReader;
  readonly appliedWatch: AppliedIndexWatch;
}

interface Selected {
  readonly dead: ReadonlyMap<string, RunState>;
  readonly more: boolean;
}

export class LeaderDeadLetters implements DeadLetters {
  readonly #options: DeadLettersOptions;
  constructor(options: DeadLettersOptions) {
    this.#options = options;
  }

  /**
   * Runs those chosen again; answers once Redis shows it.
   * @throws QueueError "not_leader", "invalid_field", "redis_unavailable"
   */
  async retry(selection: DeadLetterSelection | undefined) {
    const leader = this.#options.leadership.requireLeader();
    const { dead, more } = await this.#select(selection);
    const ids = [...dead.keys()];
    await this.#applied(await Promise.all(ids.map((id) => leader.retry(id))));
    const after = await this.#states(ids);
    // One that died again meanwhile has run again: its end is another one.
    const isUntouched = (id: string): boolean => {
      const state = after.get(id);
      return state?.status === TaskStatus.DEAD && state.finishedAtMs === dead.get(id)?.finishedAtMs;
    };
    return { ids: ids.filter((id) => !isUntouched(id)), more };
  }

  /**
   * Removes those chosen for good; answers once Redis shows it.
   * @throws QueueError "not_leader", "invalid_field", "redis_unavailable"
   */
  async drop(selection: DeadLetterSelection | undefined) {
    const leader = this.#options.leadership.requireLeader();
    const { dead, more } = await this.#select(selection);
    const taskIds = [...dead.keys()];
    if (taskIds.length === 0) return { ids: [], more };
    await this.#applied([await leader.command({ $case: "drop", value: { taskIds } })]);
    const left = await this.#states(taskIds);
    return { ids: taskIds.filter((id) => !left.has(id)), more };
  }

  async #select(selection: DeadLetterSelection | undefined): Promise<Selected> {
    const { ids, type, queue, limit } = checked(selection);
    if (ids.length > 0) {
      const states = await this.#states(ids);
      const dead = [...states].filter(([, { status }]) => status === TaskStatus.DEAD);
      return { dead: new Map(dead), more: false };
    }
    const dead = new Map<string, RunState>();
    let cursor: string | undefined;
    for (let page = 0; page < MAX_PAGES && dead.size < limit; page += 1) {
      const { states, next } = await this.#read(() =>
        this.#options.reader.select({
          status: TaskStatus.DEAD,
          type: type === "" ? undefined : type,
          queue: queue === "" ? undefined : queue,
          limit: limit - dead.size,
          cursor,
        }),
      );
      for (const [id, state] of states) dead.set(id, state);
      cursor = next;
      if (next === undefined) break;
    }
    return { dead, more: cursor !== undefined };
  }

  #states(ids: readonly string[]): Promise<ReadonlyMap<string, RunState>> {
    return this.#read(() => this.#options.reader.getStates(ids));
  }

  async #read<T>(read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      throw unavailable(error);
    }
  }

  async #applied(indexes: readonly number[]): Promise<void> {
    if (await this.#options.appliedWatch.waitFor(Math.max(0, ...indexes), APPLY_MS)) return;
    throw new QueueError("redis_unavailable", "it is done once Redis answers again", {
      retryAfterMs: RETRY_AFTER_MS,
    });
  }
}

function checked(selection: DeadLetterSelection | undefined): DeadLetterSelection {
  const { ids = [], type = "", queue = "", limit = 0 } = selection ?? {};
  if (ids.length > MAX_SELECTED || limit > MAX_SELECTED) {
    const field = ids.length > MAX_SELECTED ? "ids" : "limit";
    throw new QueueError("invalid_field", `${field} must be at most ${MAX_SELECTED}`, { field });
  }
  if (ids.length > 0 && (type !== "" || queue !== "" || limit > 0)) {
    throw new QueueError(
      "invalid_field",
      "ids excludes type, queue and limit: give one or the other",
      {
        field: "ids",
      },
    );
  }
  requireQueueName(queue);
  if (ids.length === 0 && type === "" && queue === "" && limit === 0) {
    const message = "name ids, or at least one of type, queue and limit: nothing is taken unasked";
    throw new QueueError("invalid_field", message, { field: "ids" });
  }
  return { ids: [...new Set(ids)], type, queue, limit: limit === 0 ? MAX_SELECTED : limit };
}
