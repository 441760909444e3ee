// What the gRPC edge needs of the node behind it. The composition root provides it.
import type {
  CancelTaskRequest,
  DropDeadLettersRequest,
  GetTaskRequest,
  ListTasksRequest,
  ListTasksResponse,
  RetryDeadLettersRequest,
  RetryTaskRequest,
  SubmitTaskResult,
  SubmitTasksRequest,
  WatchTasksRequest,
  WatchTasksResponse,
} from "../gen/mesh/v1/task_service.js";
import type {
  DrainWorkerRequest,
  GetClusterResponse,
  ListWorkersResponse,
  TransferLeadershipRequest,
  TransferLeadershipResponse,
  VerifyResponse,
  WatchClusterResponse,
  Worker,
} from "../gen/mesh/v1/cluster_service.js";
import type {
  LimitQueueRequest,
  ListQueuesRequest,
  ListQueuesResponse,
  PauseQueueRequest,
  Queue,
} from "../gen/mesh/v1/queue_service.js";
import type { ScheduleState } from "../gen/mesh/v1/schedule.js";
import type {
  DeleteScheduleRequest,
  ListSchedulesRequest,
  ListSchedulesResponse,
  PutScheduleRequest,
  PutScheduleResponse,
} from "../gen/mesh/v1/schedule_service.js";
import type { Task } from "../gen/mesh/v1/task.js";
import type { ListTaskLogsRequest, ListTaskLogsResponse } from "../gen/mesh/v1/task_log.js";
import type { WhyTaskRequest, WhyTaskResponse } from "../gen/mesh/v1/task_why.js";

/** Where the leader is, as this node knows it. */
export type Leadership =
  | { readonly kind: "self" }
  | { readonly kind: "other"; readonly id: string; readonly address: string }
  | { readonly kind: "unknown" };

export interface LeadershipView {
  leadership(): Leadership;
  /**
   * Calls `listener` after every change of what `leadership()` answers, also where the same node
   * leads again in a new term. Returns the function that ends it.
   */
  onChange(listener: () => void): () => void;
}

/** Done by the leader; on another node these throw QueueError "not_leader". */
export interface LeaderTaskOperations {
  /** A refused item is refused alone; results in the order of the items. */
  submit(request: SubmitTasksRequest): Promise<SubmitTaskResult[]>;
  cancel(request: CancelTaskRequest): Promise<Task>;
  retry(request: RetryTaskRequest): Promise<Task>;
  /** Why a task stands where it does. Throws QueueError "not_found". */
  why(request: WhyTaskRequest, signal: AbortSignal): Promise<WhyTaskResponse>;
  readonly deadLetters: DeadLetters;
}

/** Dead tasks as a whole; done by the leader. */
export interface DeadLetters {
  /** Runs them again. */
  retry(request: RetryDeadLettersRequest): Promise<TakenDeadLetters>;
  /** Removes them for good. */
  drop(request: DropDeadLettersRequest): Promise<TakenDeadLetters>;
}

export interface TakenDeadLetters {
  readonly ids: string[];
  /** More tasks match the filter than were taken. */
  readonly more: boolean;
}

/** What is set for named queues; done by the leader. */
export interface LeaderQueueOperations {
  list(request: ListQueuesRequest): Promise<ListQueuesResponse>;
  get(name: string): Promise<Queue>;
  /** Puts these limits in the place of those that were; undefined: none. */
  limit(request: LimitQueueRequest): Promise<Queue>;
  pause(request: PauseQueueRequest, paused: boolean): Promise<Queue>;
}

/** Tasks that are submitted at the times of a cron expression; done by the leader. */
export interface LeaderScheduleOperations {
  put(request: PutScheduleRequest): Promise<PutScheduleResponse>;
  /** Throws QueueError "not_found", as does `delete`. */
  get(name: string): Promise<ScheduleState>;
  list(request: ListSchedulesRequest): Promise<ListSchedulesResponse>;
  delete(request: DeleteScheduleRequest): Promise<ScheduleState>;
}

/** Done by any node. */
export interface TaskReads {
  /** Throws QueueError "not_found". Ends early when `signal` is aborted. */
  get(request: GetTaskRequest, signal: AbortSignal): Promise<Task>;
  list(request: ListTasksRequest): Promise<ListTasksResponse>;
  /** Throws QueueError "not_found". */
  logs(request: ListTaskLogsRequest): Promise<ListTaskLogsResponse>;
  /** Changes in log order, until `signal` is aborted or the node stops. */
  watch(request: WatchTasksRequest, signal: AbortSignal): AsyncIterable<WatchTasksResponse>;
}

export interface ClusterReads {
  cluster(): Promise<GetClusterResponse>;
  /** The mesh as this node sees it, now and at each change, until `signal` is aborted. */
  watchCluster(signal: AbortSignal): AsyncIterable<WatchClusterResponse>;
}

/** Done by the leader, which alone knows every worker. */
export interface LeaderClusterOperations {
  workers(): Promise<ListWorkersResponse>;
  transfer(request: TransferLeadershipRequest): Promise<TransferLeadershipResponse>;
  drain(request: DrainWorkerRequest): Promise<Worker>;
  /** Holds Redis, the assignment table and the log against one another. */
  verify(signal: AbortSignal): Promise<VerifyResponse>;
}
