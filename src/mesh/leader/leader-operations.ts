// What clients ask of the leader: submissions, cancellations, retries, and power over the mesh.
import type { LeaderAdmissions } from "../../api/membership-service.js";
import type { LeaderClusterOperations, LeaderTaskOperations } from "../../api/task-backend.js";
import {
  type DrainWorkerRequest,
  type ListWorkersResponse,
  type TransferLeadershipRequest,
  type TransferLeadershipResponse,
  type LogTime,
  type VerifyResponse,
  type Worker,
  WorkerState,
} from "../../gen/mesh/v1/cluster_service.js";
import type { JoinMeshRequest } from "../../gen/mesh/v1/membership_service.js";
import { type Task, TaskStatus } from "../../gen/mesh/v1/task.js";
import type { WhyTaskRequest, WhyTaskResponse } from "../../gen/mesh/v1/task_why.js";
import type {
  CancelTaskRequest,
  RetryTaskRequest,
  SubmitTaskResult,
  SubmitTasksRequest,
} from "../../gen/mesh/v1/task_service.js";
import { QueueError } from "../../queue/errors.js";
import type { LogTimeState } from "../../queue/log-time/log-clock.js";
import { logTimeReasons } from "../../queue/log-time/log-time-words.js";
import type { AppliedIndexWatch } from "../../queue/redis/applied-watch.js";
import type { TaskReader } from "../../queue/redis/reader.js";
import { isEnd } from "../../queue/task/task-end.js";
import {
  nodeId,
  NodeStopped,
  ProposalRefused,
  type RaftNode,
  TransferFailed,
} from "../../raft/index.js";
import type { Audit } from "./audit.js";
import { LeaderDeadLetters } from "./dead-letters.js";
import type { LeadershipTracker } from "./leadership-tracker.js";
import type { MembershipKeeper } from "../membership/membership-keeper.js";
import { unavailable } from "../reads/task-reads.js";
import type { TaskWhy } from "../reads/why/task-why.js";
import { transferRefusal } from "./transfer-refusal.js";
import type { WorkerView } from "../reads/worker-view.js";

const APPLY_MS = 5_000;
const RETRY_AFTER_MS = 1_000;

export interface LeaderOperationsOptions {
  readonly raft: RaftNode;
  readonly leadership: LeadershipTracker;
  readonly reader: TaskReader;
  readonly appliedWatch: AppliedIndexWatch;
  readonly workers: WorkerView;
  /** Undefined while this node does not lead. */
  readonly logTime: () => LogTimeState | undefined;
  readonly keeper: MembershipKeeper;
  readonly audit: Audit;
  readonly taskWhy: TaskWhy;
}

export class LeaderOperations
  implements LeaderTaskOperations, LeaderClusterOperations, LeaderAdmissions
{
  readonly #options: LeaderOperationsOptions;
  readonly deadLetters: LeaderDeadLetters;

  constructor(options: LeaderOperationsOptions) {
    this.#options = options;
    this.deadLetters = new LeaderDeadLetters(options);
  }

  /**
   * Results in the order of the items, each taken or refused alone.
   * @throws QueueError "not_leader"
   */
  async submit(request: SubmitTasksRequest): Promise<SubmitTaskResult[]> {
    return this.#options.leadership.requireLeader().submissions.submit(request);
  }

  /**
   * A pending task never runs, a running one is told to stop; answers once Redis shows it.
   * @throws QueueError "not_leader", "not_found", "already_ended", "redis_unavailable"
   */
  async cancel({ id }: CancelTaskRequest): Promise<Task> {
    const leader = this.#options.leadership.requireLeader();
    const before = await this.#read(id);
    if (before !== undefined && isEnd(before.status)) throw ended(before);
    const task = await this.#changed(id, await leader.cancel(id));
    if (task.status !== TaskStatus.CANCELLED) throw ended(task);
    return task;
  }

  /**
   * Runs a dead or cancelled task again; answers once Redis shows it.
   * @throws QueueError "not_leader", "not_found", "not_retryable", "redis_unavailable"
   */
  async retry({ id }: RetryTaskRequest): Promise<Task> {
    const leader = this.#options.leadership.requireLeader();
    const before = await this.#read(id);
    if (before !== undefined && !isRetryable(before.status)) {
      throw new QueueError(
        "not_retryable",
        `only a dead or cancelled task can be retried, and ${id} is ${statusText(before.status)}`,
      );
    }
    await this.#refuseHeld(before);
    const task = await this.#changed(id, await leader.retry(id));
    // Somebody was faster: the key was taken between the look and the command.
    if (isRetryable(task.status) && task.finishedAtMs === before?.finishedAtMs) {
      await this.#refuseHeld(task);
    }
    return task;
  }

  /**
   * @throws QueueError "not_leader", "not_found", "redis_unavailable" where only Redis knows the
   *   task
   */
  why(request: WhyTaskRequest, signal: AbortSignal): Promise<WhyTaskResponse> {
    return this.#options.taskWhy.answer(request, signal);
  }

  /** A task does not run again while another one has its unique key. */
  async #refuseHeld(task: Task | undefined): Promise<void> {
    if (task === undefined || task.uniqueKey === "") return;
    const { uniqueKey, id } = task;
    const holder = (await this.#asked((reader) => reader.holders([uniqueKey]))).get(uniqueKey);
    if (holder === undefined || holder === id) return;
    const message = `task ${holder}, which has not ended, has the uniqueKey of ${id}: retry once it has`;
    throw new QueueError("not_retryable", message, { field: "uniqueKey" });
  }

  /** Every member of the mesh as a worker, by id, and log time. @throws QueueError "not_leader" */
  workers(): Promise<ListWorkersResponse> {
    const { leadership, workers, logTime } = this.#options;
    leadership.requireLeader();
    return Promise.resolve({ workers: workers.list(), logTime: logTimeMessage(logTime()) });
  }

  /**
   * Hands the leadership over; resolves once another node leads.
   * @throws QueueError "not_leader", "no_leader", and what transfer-refusal.ts makes of a refusal
   */
  async transfer({ to }: TransferLeadershipRequest): Promise<TransferLeadershipResponse> {
    this.#options.leadership.requireLeader();
    try {
      const leaderId = await this.#options.raft.transferLeadership(
        to === "" ? undefined : nodeId(to),
      );
      return { leaderId, term: this.#options.raft.softState.term };
    } catch (error) {
      if (error instanceof ProposalRefused) throw transferRefusal(error.reason, to);
      if (!(error instanceof TransferFailed || error instanceof NodeStopped)) throw error;
      throw new QueueError("no_leader", error.message, { retryAfterMs: RETRY_AFTER_MS });
    }
  }

  /**
   * Decides that a node is to leave; resolves once that is committed, which is before it has left.
   * @throws QueueError "not_leader", "not_found", "last_worker"
   */
  async drain({ id }: DrainWorkerRequest): Promise<Worker> {
    const { leadership, workers } = this.#options;
    const leader = leadership.requireLeader();
    const all = workers.list();
    const worker = all.find((known) => known.id === id);
    if (worker === undefined) {
      throw new QueueError("not_found", `there is no worker ${id}`, { field: "id" });
    }
    if (workers.isToLeave(id)) return worker;
    if (!all.some((other) => other.id !== id && other.state === WorkerState.ACTIVE)) {
      throw new QueueError(
        "last_worker",
        `no other node would take the work of ${id}; start one first`,
      );
    }
    await leader.drain(id, workers.processOf(id));
    return workers.list().find((known) => known.id === id) ?? worker;
  }

  /**
   * Holds Redis, the assignment table and the log against one another.
   * @throws QueueError "not_leader", "overloaded", "redis_unavailable"
   */
  async verify(signal: AbortSignal): Promise<VerifyResponse> {
    this.#options.leadership.requireLeader();
    return this.#options.audit.run(signal);
  }

  /**
   * Lets a node in.
   * @returns why it was not let in; undefined where it was
   * @throws QueueError "not_leader"
   */
  async join({ nodeId: id, ...asked }: JoinMeshRequest): Promise<string | undefined> {
    this.#options.leadership.requireLeader();
    return this.#options.keeper.join({ id, ...asked });
  }

  #read(id: string): Promise<Task | undefined> {
    return this.#asked((reader) => reader.getTask(id));
  }

  async #asked<T>(ask: (reader: TaskReader) => Promise<T>): Promise<T> {
    try {
      return await ask(this.#options.reader);
    } catch (error) {
      throw unavailable(error);
    }
  }

  /** The task after the command at `index`. */
  async #changed(id: string, index: number): Promise<Task> {
    if (!(await this.#options.appliedWatch.waitFor(index, APPLY_MS))) {
      throw new QueueError("redis_unavailable", "it is done once Redis answers again", {
        retryAfterMs: RETRY_AFTER_MS,
      });
    }
    const task = await this.#asked((reader) => reader.reflecting(index, () => reader.getTask(id)));
    if (task === undefined) {
      throw new QueueError("not_found", `there is no task ${id}`, { field: "id" });
    }
    return task;
  }
}

function ended(task: Task): QueueError {
  return new QueueError(
    "already_ended",
    `task ${task.id} is ${statusText(task.status)} and cannot be cancelled`,
  );
}

function isRetryable(status: TaskStatus): boolean {
  return status === TaskStatus.DEAD || status === TaskStatus.CANCELLED;
}

function statusText(status: TaskStatus): string {
  return TaskStatus[status].toLowerCase();
}

function logTimeMessage(state: LogTimeState | undefined): LogTime | undefined {
  if (state === undefined) return undefined;
  const { nowMs, aheadMs, refusedJumps } = state;
  return { nowMs, aheadMs, refusedJumps, reasons: logTimeReasons(state) };
}
