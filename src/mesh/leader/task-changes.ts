// Cancels and runs again single tasks, where this node leads: Redis decides as it applies the command, and
// keeps what it decided for a call that comes again.
import { type Task, TaskStatus } from "../../gen/mesh/v1/task.js";
import type { CancelTaskRequest, RetryTaskRequest } from "../../gen/mesh/v1/task_service.js";
import { QueueError } from "../../queue/errors.js";
import type { AppliedIndexWatch } from "../../queue/redis/applied-watch.js";
import type { OperationAnswer, OperationReader } from "../../queue/redis/operation-reader.js";
import type { TaskReader } from "../../queue/redis/reader.js";
import type { KnownOperation } from "../../queue/state/operation-table.js";
import { unavailable } from "../reads/task-reads.js";
import type { LeadershipTracker } from "./leadership-tracker.js";

const APPLY_MS = 5_000;
const RETRY_AFTER_MS = 1_000;

export interface TaskChangesOptions {
  readonly leadership: LeadershipTracker;
  readonly reader: TaskReader;
  /** Of the same connection as `reader`. */
  readonly operationReader: OperationReader;
  readonly appliedWatch: AppliedIndexWatch;
}

export class TaskChanges {
  readonly #options: TaskChangesOptions;

  constructor(options: TaskChangesOptions) {
    this.#options = options;
  }

  /** @throws QueueError "not_found", "already_ended", and what an operation is refused with */
  async cancel({ id, operation }: CancelTaskRequest): Promise<Task> {
    const { operations } = this.#options.leadership.requireLeader();
    const value = { taskIds: [id] };
    const { known } = await operations.run(operation, { $case: "cancel", value });
    const { task, before } = await this.answerTo(known);
    if (task !== undefined) return task;
    if (before === TaskStatus.UNSPECIFIED) throw notFound(id);
    const status = statusText(before);
    throw new QueueError("already_ended", `task ${id} is ${status} and cannot be cancelled`);
  }

  /** @throws QueueError "not_found", "not_retryable", and what an operation is refused with */
  async retry({ id, operation }: RetryTaskRequest): Promise<Task> {
    const { operations } = this.#options.leadership.requireLeader();
    const value = { taskIds: [id], onlyDead: false };
    const { known } = await operations.run(operation, { $case: "retry", value });
    const { task, before, holder } = await this.answerTo(known);
    if (task !== undefined) return task;
    if (before === TaskStatus.UNSPECIFIED) throw notFound(id);
    if (before !== TaskStatus.DEAD && before !== TaskStatus.CANCELLED) {
      const status = statusText(before);
      const message = `only a dead or cancelled task can be retried, and ${id} is ${status}`;
      throw new QueueError("not_retryable", message);
    }
    const other = holder === undefined ? "another task" : `task ${holder}`;
    const message = `${other}, which has not ended, has the uniqueKey of ${id}: retry once it has`;
    throw new QueueError("not_retryable", message, { field: "uniqueKey" });
  }

  /**
   * What the operation did when it took effect.
   * @throws QueueError "redis_unavailable", "outcome_unknown"
   */
  async answerTo({ id, index }: KnownOperation): Promise<OperationAnswer> {
    const { appliedWatch, reader, operationReader } = this.#options;
    if (!(await appliedWatch.waitFor(index, APPLY_MS))) {
      throw new QueueError("redis_unavailable", "it is done once Redis answers again", {
        retryAfterMs: RETRY_AFTER_MS,
      });
    }
    try {
      const answer = await reader.reflecting(index, () => operationReader.answerOf(id));
      if (answer !== undefined) return answer;
    } catch (error) {
      throw unavailable(error);
    }
    throw new QueueError("outcome_unknown", "it was done, and what came of it is forgotten by now");
  }
}

function notFound(id: string): QueueError {
  return new QueueError("not_found", `there is no task ${id}`, { field: "id" });
}

function statusText(status: TaskStatus): string {
  return TaskStatus[status].toLowerCase();
}
