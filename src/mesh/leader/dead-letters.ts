// Dead tasks as a whole: run them again, or drop them. The leader resolves what is asked for into
// ids by reading Redis, so that the command in the log names each task.
import type { DeadLetters, TakenDeadLetters } from "../../api/task-backend.js";
import type { Command } from "../../gen/mesh/v1/command.js";
import type { Operation } from "../../gen/mesh/v1/operation.js";
import { TaskStatus } from "../../gen/mesh/v1/task.js";
import type {
  DeadLetterSelection,
  DropDeadLettersRequest,
  RetryDeadLettersRequest,
} from "../../gen/mesh/v1/task_service.js";
import { QueueError } from "../../queue/errors.js";
import type { TaskReader } from "../../queue/redis/reader.js";
import type { LeadershipTracker } from "./leadership-tracker.js";
import type { TaskChanges } from "./task-changes.js";
import { requireQueueName } from "../reads/queue-name.js";
import { unavailable } from "../reads/task-reads.js";

/** Tasks of one call. */
const MAX_SELECTED = 1_000;
/** Pages looked through for tasks that match a filter; each looks at some thousands. */
const MAX_PAGES = 20;
/** Note of an operation: more tasks match than were taken. */
const MORE = Buffer.from([1]);

export interface DeadLettersOptions {
  readonly leadership: LeadershipTracker;
  readonly reader: TaskReader;
  readonly changes: TaskChanges;
}

interface Selected {
  readonly ids: ReadonlySet<string>;
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
  async retry({ selection, operation }: RetryDeadLettersRequest) {
    return this.#run(operation, selection, (taskIds) => {
      return { $case: "retry", value: { taskIds, onlyDead: true } };
    });
  }

  /**
   * Removes those chosen for good; answers once Redis shows it.
   * @throws QueueError "not_leader", "invalid_field", "redis_unavailable"
   */
  async drop({ selection, operation }: DropDeadLettersRequest) {
    return this.#run(operation, selection, (taskIds) => ({ $case: "drop", value: { taskIds } }));
  }

  async #run(
    operation: Operation | undefined,
    selection: DeadLetterSelection | undefined,
    commandOf: (taskIds: string[]) => NonNullable<Command["kind"]>,
  ): Promise<TakenDeadLetters> {
    const { operations } = this.#options.leadership.requireLeader();
    const { ids, more } = await this.#select(selection);
    const note = more ? MORE : Buffer.alloc(0);
    const { known } = await operations.run(operation, commandOf([...ids]), note);
    const { changed } = await this.#options.changes.answerTo(known);
    return { ids: [...changed], more: known.note.length > 0 };
  }

  async #select(selection: DeadLetterSelection | undefined): Promise<Selected> {
    const { ids, type, queue, limit } = checked(selection);
    if (ids.length > 0) {
      const states = await this.#read(() => this.#options.reader.getStates(ids));
      const dead = [...states].filter(([, { status }]) => status === TaskStatus.DEAD);
      return { ids: new Set(dead.map(([id]) => id)), more: false };
    }
    const dead = new Set<string>();
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
      for (const id of states.keys()) dead.add(id);
      cursor = next;
      if (next === undefined) break;
    }
    return { ids: dead, more: cursor !== undefined };
  }

  async #read<T>(read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      throw unavailable(error);
    }
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
