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
import type { Task } from "../../gen/mesh/v1/task.js";
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
import type { OperationReader } from "../../queue/redis/operation-reader.js";
import type { TaskReader } from "../../queue/redis/reader.js";
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
import type { TaskWhy } from "../reads/why/task-why.js";
import { TaskChanges } from "./task-changes.js";
import { transferRefusal } from "./transfer-refusal.js";
import type { WorkerView } from "../reads/worker-view.js";

const RETRY_AFTER_MS = 1_000;

export interface LeaderOperationsOptions {
  readonly raft: RaftNode;
  readonly leadership: LeadershipTracker;
  readonly reader: TaskReader;
  readonly operationReader: OperationReader;
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
  readonly #changes: TaskChanges;
  /** The hand-over under way. */
  #transfer: Promise<TransferLeadershipResponse> | undefined;

  constructor(options: LeaderOperationsOptions) {
    this.#options = options;
    this.#changes = new TaskChanges(options);
    this.deadLetters = new LeaderDeadLetters({ ...options, changes: this.#changes });
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
  cancel(request: CancelTaskRequest): Promise<Task> {
    return this.#changes.cancel(request);
  }

  /**
   * Runs a dead or cancelled task again; answers once Redis shows it.
   * @throws QueueError "not_leader", "not_found", "not_retryable", "redis_unavailable"
   */
  retry(request: RetryTaskRequest): Promise<Task> {
    return this.#changes.retry(request);
  }

  /**
   * @throws QueueError "not_leader", "not_found", "redis_unavailable" where only Redis knows the
   *   task
   */
  why(request: WhyTaskRequest, signal: AbortSignal): Promise<WhyTaskResponse> {
    return this.#options.taskWhy.answer(request, signal);
  }

  /** Every member of the mesh as a worker, by id, and log time. @throws QueueError "not_leader" */
  workers(): Promise<ListWorkersResponse> {
    const { leadership, workers, logTime } = this.#options;
    leadership.requireLeader();
    return Promise.resolve({ workers: workers.list(), logTime: logTimeMessage(logTime()) });
  }

  /**
   * Hands the leadership over; resolves once another node leads. The call is noted in the log first, so that a late copy moves leadership no more. One that comes again
   * is told who leads.
   * @throws QueueError "not_leader", "no_leader", and what transfer-refusal.ts makes of a refusal
   */
  async transfer(request: TransferLeadershipRequest): Promise<TransferLeadershipResponse> {
    const { to, operation } = request;
    const { operations } = this.#options.leadership.requireLeader();
    const { softState } = this.#options.raft;
    const leader = Buffer.from(softState.leader ?? "");
    const { known, isFirst } = await operations.run(
      operation,
      { $case: "transfer", value: { to } },
      leader,
    );
    if (isFirst) this.#transfer = this.#handOver(to);
    const moved = await this.#transfer;
    if (moved !== undefined) return moved;
    const { leader: leaderId = "", term } = this.#options.raft.softState;
    if (to === "" ? leaderId !== String(Buffer.from(known.note)) : leaderId === to) {
      return { leaderId, term };
    }
    const message = "leadership was not handed over; the call is over: send it anew";
    throw new QueueError("no_leader", message, { retryAfterMs: RETRY_AFTER_MS });
  }

  async #handOver(to: string): Promise<TransferLeadershipResponse> {
    try {
      const leaderId = await this.#options.raft.transferLeadership(
        to === "" ? undefined : nodeId(to),
      );
      return { leaderId, term: this.#options.raft.softState.term };
    } catch (error) {
      if (error instanceof ProposalRefused) throw transferRefusal(error.reason, to);
      if (!(error instanceof TransferFailed || error instanceof NodeStopped)) throw error;
      throw new QueueError("no_leader", error.message, { retryAfterMs: RETRY_AFTER_MS });
    } finally {
      this.#transfer = undefined;
    }
  }

  /**
   * Decides that a node is to leave; resolves once that is committed, which is before it has left.
   * @throws QueueError "not_leader", "not_found", "last_worker"
   */
  async drain({ id, operation }: DrainWorkerRequest): Promise<Worker> {
    const { leadership, workers } = this.#options;
    const leader = leadership.requireLeader();
    const all = workers.list();
    const worker = all.find((known) => known.id === id);
    const refusal = this.#drainRefusal(id, worker, all);
    if (refusal !== undefined) await leader.operations.refuse(operation, refusal);
    else await leader.drain(operation, id, workers.processOf(id));
    const drained = workers.list().find((known) => known.id === id) ?? worker;
    if (drained === undefined) throw noWorker(id);
    return drained;
  }

  #drainRefusal(
    id: string,
    worker: Worker | undefined,
    all: readonly Worker[],
  ): QueueError | undefined {
    if (worker === undefined) return noWorker(id);
    if (this.#options.workers.isToLeave(id)) return undefined;
    if (all.some((other) => other.id !== id && other.state === WorkerState.ACTIVE))
      return undefined;
    return new QueueError(
      "last_worker",
      `no other node would take the work of ${id}; start one first`,
    );
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
}

function noWorker(id: string): QueueError {
  return new QueueError("not_found", `there is no worker ${id}`, { field: "id" });
}

function logTimeMessage(state: LogTimeState | undefined): LogTime | undefined {
  if (state === undefined) return undefined;
  const { nowMs, aheadMs, refusedJumps } = state;
  return { nowMs, aheadMs, refusedJumps, reasons: logTimeReasons(state) };
}
