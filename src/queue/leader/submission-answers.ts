// What the client is told of a submission that is committed: its task, or the one that stands for it.
import type { Task, TaskDefinition } from "../../gen/mesh/v1/task.js";
import type { SubmitTaskResult } from "../../gen/mesh/v1/task_service.js";
import { QueueError } from "../errors.js";
import { RedisUnavailable } from "../redis/errors.js";
import type { AssignmentTable } from "../state/assignment-table.js";
import type { DefinitionCache } from "../state/definition-cache.js";
import { taskFromLog } from "../task/task-from-log.js";
import type { Known, Proposed, ReadableRedis, SubmissionReader } from "./known-tasks.js";

const RETRY_AFTER_MS = 1_000;

export interface SubmissionAnswersParts {
  /** What it has applied is committed. */
  readonly committedLog: { appliedIndex(): number };
  readonly table: AssignmentTable;
  readonly definitions: DefinitionCache;
  readonly reader: Pick<SubmissionReader, "reflecting" | "getTask">;
  readonly progress: ReadableRedis;
  readonly now: () => number;
}

export class SubmissionAnswers {
  readonly #parts: SubmissionAnswersParts;

  constructor(parts: SubmissionAnswersParts) {
    this.#parts = parts;
  }

  /** Of a task that this submission made. @throws QueueError where what became of it is not known */
  ofNew(definition: TaskDefinition, { index, decided }: Proposed): Promise<SubmitTaskResult> {
    const id = taskDecided(definition.id, decided);
    if (id !== definition.id) {
      return this.#ofOther(definition, index, { id, definition: undefined });
    }
    const { table, now } = this.#parts;
    const task = taskFromLog(definition, table.get(id), now());
    const value = { task, created: true, index };
    return Promise.resolve({ outcome: { $case: "submitted", value } });
  }

  /** Of a task that was known. @throws QueueError "gone", "redis_unavailable", "outcome_unknown" */
  async ofKnown(asked: TaskDefinition, known: Known): Promise<SubmitTaskResult> {
    const { id, definition, isStored, committed } = known;
    const itsOwn = await committed;
    const standsFor = taskDecided(id, itsOwn?.decided);
    // What was committed long since was so by what is applied by now.
    const index = itsOwn?.index ?? this.#parts.committedLog.appliedIndex();
    return this.#ofOther(asked, index, {
      id: standsFor,
      definition: standsFor === id ? definition : undefined,
      isStored: isStored === true,
    });
  }

  /**
   * The answer where another submission made the task, or an earlier one of the same id.
   *
   * @param index entry by which the task is committed
   */
  async #ofOther(
    asked: TaskDefinition,
    index: number,
    known: Pick<Known, "id" | "definition" | "isStored">,
  ): Promise<SubmitTaskResult> {
    const { table, definitions, now } = this.#parts;
    const stored = await this.#storedOrGone(known);
    // Its record in Redis is older than its key there, and is removed long after its end.
    if (stored === undefined && (known.isStored || definitions.hasEnded(known.id))) {
      throw new QueueError(
        "gone",
        `this was submitted before, as task ${known.id}, which has ended and was removed since; ` +
          "submit with another key to have it done once more",
        { field: asked.id === known.id ? "id" : "idempotencyKey" },
      );
    }
    const fromLog = known.definition && taskFromLog(known.definition, table.get(known.id), now());
    const task = stored === "away" || stored === undefined ? fromLog : stored;
    if (task === undefined || (stored === "away" && definitions.hasEnded(known.id))) {
      throw new QueueError("redis_unavailable", "the task is known, but Redis does not show it", {
        retryAfterMs: RETRY_AFTER_MS,
      });
    }
    return { outcome: { $case: "submitted", value: { task, created: false, index } } };
  }

  /** What has ended in the log may have to get to Redis yet: only behind that it is gone. */
  async #storedOrGone({ id, isStored }: Pick<Known, "id" | "isStored">) {
    const { definitions, progress, committedLog } = this.#parts;
    const stored = await this.#stored(id);
    if (stored !== undefined || isStored === true || !definitions.hasEnded(id)) return stored;
    const isReached = await progress.reached(committedLog.appliedIndex());
    return isReached ? this.#stored(id) : "away";
  }

  async #stored(id: string): Promise<Task | undefined | "away"> {
    const { reader, progress } = this.#parts;
    try {
      return await reader.reflecting(progress.readableIndex(), () => reader.getTask(id));
    } catch (error) {
      if (!(error instanceof RedisUnavailable)) throw error;
      return "away";
    }
  }
}

/** The task that a submission with this id is. @throws QueueError where that is not known */
function taskDecided(id: string, decided: Proposed["decided"] | undefined): string {
  const task = decided?.get(id) ?? id;
  if (typeof task !== "string") throw task;
  return task;
}
