// Answers why a task stands where it does: reads the task, Redis and the log as they are, and asks the
// leader's state.
import { AttemptOutcome, type Task, TaskStatus } from "../../../gen/mesh/v1/task.js";
import type { WhyTaskRequest, WhyTaskResponse } from "../../../gen/mesh/v1/task_why.js";
import type { QueueLeader } from "../../../queue/leader/leader.js";
import type { AppliedIndexWatch } from "../../../queue/redis/applied-watch.js";
import { RedisUnavailable } from "../../../queue/redis/errors.js";
import type { EventReader } from "../../../queue/redis/event-reader.js";
import type { QueueReader } from "../../../queue/redis/queue-reader.js";
import type { TaskReader } from "../../../queue/redis/reader.js";
import { isEnd } from "../../../queue/task/task-end.js";
import type { RaftNode } from "../../../raft/index.js";
import type { QueueMachine } from "../../../queue/state/queue-machine.js";
import type { NodeTaskReads } from "../task-reads.js";
import { attemptsWhy } from "./attempts.js";
import { stateReasons } from "./state.js";

/** Redis is given so long to show what is committed; then it is told that it is behind. */
const IN_STEP_MS = 500;

export interface TaskWhyParts {
  readonly nodeId: string;
  readonly leadership: {
    /** @throws QueueError "not_leader" */
    requireLeader(): Pick<QueueLeader, "placements" | "holdUps">;
  };
  readonly raft: Pick<RaftNode, "status">;
  readonly machine: Pick<QueueMachine, "table" | "drains" | "appliedIndex">;
  readonly reads: Pick<NodeTaskReads, "get">;
  readonly reader: Pick<TaskReader, "getStates">;
  readonly queues: Pick<QueueReader, "tasksAhead">;
  readonly events: Pick<EventReader, "statusAt">;
  readonly appliedWatch: AppliedIndexWatch;
  /** Term of an entry of the log; undefined where it is not kept any more. */
  readonly termAt: (index: number) => number | undefined;
}

/** Entry that ended a task; 0 where that is not known. */
interface End {
  readonly index: number;
  readonly term: number;
}

const NO_END: End = { index: 0, term: 0 };

export class TaskWhy {
  readonly #parts: TaskWhyParts;
  constructor(parts: TaskWhyParts) {
    this.#parts = parts;
  }

  /**
   * Why the task stands where it does; costs the same whatever the backlog.
   *
   * @throws QueueError "not_leader", "not_found", "redis_unavailable" where only Redis knows the task
   */
  async answer({ id }: WhyTaskRequest, signal: AbortSignal): Promise<WhyTaskResponse> {
    const { nodeId, leadership, raft, machine, appliedWatch, termAt } = this.#parts;
    const leader = leadership.requireLeader();
    await appliedWatch.waitFor(machine.appliedIndex, IN_STEP_MS);
    const found = await this.#read(id, signal);
    const end = isEnd(found.status) ? await this.#end(found) : NO_END;
    const task = withEnd(found, end.index);
    const attempts = attemptsWhy(task, {
      placementOf: (fence) => leader.placements.of(fence),
      drainOf: (node) => machine.drains.get(node),
      termAt,
    });
    const ahead = task.status === TaskStatus.PENDING ? await this.#ahead(task) : undefined;
    const { commit, term } = raft.status();
    const isWaiting = task.status === TaskStatus.PENDING || task.status === TaskStatus.SCHEDULED;
    const standing = {
      appliedIndex: machine.appliedIndex,
      redisIndex: appliedWatch.applied,
      ahead,
    };
    const { status, queue } = task;
    return {
      ...{ id, status, queue, attempts },
      reasons: isWaiting ? leader.holdUps.of(task, standing) : stateReasons(task, attempts, end),
      leaderId: nodeId,
      term,
      commitIndex: commit,
      redisAppliedIndex: standing.redisIndex,
    };
  }

  /**
   * The task as Redis shows it; where it runs, as the table of assignments has it, which knows
   * earlier.
   */
  async #read(id: string, signal: AbortSignal): Promise<Task> {
    const request = { id, waitMs: 0, linearizable: false, minIndex: 0 };
    const task = await this.#parts.reads.get(request, signal);
    const running = this.#parts.machine.table.get(id);
    if (running === undefined || task.fence >= running.fence) return task;
    const { nodeId: workerId, fence, assignedAtMs: startedAtMs, assignment } = running;
    const attempts = assignment.attempt;
    return { ...task, status: TaskStatus.RUNNING, workerId, fence, startedAtMs, attempts };
  }

  async #ahead({ id, queue, priority }: Task): Promise<number | undefined> {
    return this.#unlessAway(() => this.#parts.queues.tasksAhead(id, queue, priority));
  }

  /** The entry that ended it: told by its last attempt, or by the events, for as long as they are kept. */
  async #end({ id, status, history, finishedAtMs }: Task): Promise<End> {
    const last = history.at(-1);
    const byAttempt = last?.finishedAtMs === finishedAtMs ? (last?.endedIndex ?? 0) : 0;
    const index =
      byAttempt > 0 ? byAttempt : ((await this.#unlessAway(() => this.#endIndex(id, status))) ?? 0);
    return { index, term: index === 0 ? 0 : (this.#parts.termAt(index) ?? 0) };
  }

  async #endIndex(id: string, status: TaskStatus): Promise<number> {
    const { reader, events } = this.#parts;
    // A later entry may have changed the task, too (tasks that waited for it): only the event says
    // that it ended there.
    const changedIndex = (await reader.getStates([id])).get(id)?.changedIndex ?? 0;
    return (await events.statusAt(changedIndex, id)) === status ? changedIndex : 0;
  }

  async #unlessAway<T>(read: () => Promise<T>): Promise<T | undefined> {
    try {
      return await read();
    } catch (error) {
      if (error instanceof RedisUnavailable) return undefined;
      throw error;
    }
  }
}

/** A completed attempt is not stored by itself: it ended with the task. */
function withEnd(task: Task, index: number): Task {
  const history = task.history.map((record) =>
    record.outcome === AttemptOutcome.COMPLETED ? { ...record, endedIndex: index } : record,
  );
  return { ...task, history };
}
