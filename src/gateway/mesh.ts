// The mesh as the routes see it.
import type {
  GetClusterResponse,
  ListWorkersResponse,
  TransferLeadershipResponse,
  VerifyResponse,
  Worker,
} from "../gen/mesh/v1/cluster_service.js";
import type { Operation } from "../gen/mesh/v1/operation.js";
import type { Task } from "../gen/mesh/v1/task.js";
import type {
  GetTaskRequest,
  ListTasksRequest,
  ListTasksResponse,
  SubmitTaskRequest,
  SubmitTaskResponse,
} from "../gen/mesh/v1/task_service.js";
import type { ListTaskLogsRequest, ListTaskLogsResponse } from "../gen/mesh/v1/task_log.js";
import type { WhyTaskResponse } from "../gen/mesh/v1/task_why.js";
import type { ClusterListener } from "./cluster-follower.js";
import type { DeadLetterCalls } from "./dead-letter-calls.js";
import type { QueueCalls } from "./queue-calls.js";
import type { ScheduleCalls } from "./schedule-calls.js";
import type { WatchRequest, WatchStep } from "./task-watch.js";

/** Every method rejects with MeshRefusal where the mesh refused or did not answer in time. */
export interface Mesh {
  /** The id is chosen here. */
  submit(item: SubmitTaskRequest): Promise<SubmitTaskResponse>;
  get(request: GetTaskRequest, signal: AbortSignal): Promise<Task>;
  list(request: ListTasksRequest): Promise<ListTasksResponse>;
  logs(request: ListTaskLogsRequest): Promise<ListTaskLogsResponse>;
  cancel(id: string, operation: Operation): Promise<Task>;
  retry(id: string, operation: Operation): Promise<Task>;
  /** Why a task stands where it does. */
  why(id: string): Promise<WhyTaskResponse>;
  /** Changes of tasks until `signal` is aborted; see TaskWatch. */
  watch(request: WatchRequest, signal: AbortSignal): AsyncIterable<WatchStep>;
  /** The mesh as its leader sees it, now and at each change; returns how to end that. */
  onCluster(listener: ClusterListener): () => void;
  readonly schedules: ScheduleCalls;
  readonly queues: QueueCalls;
  readonly deadLetters: DeadLetterCalls;
  workers(patience?: Patience): Promise<ListWorkersResponse>;
  cluster(patience?: Patience): Promise<GetClusterResponse>;
  transfer(to: string, operation: Operation): Promise<TransferLeadershipResponse>;
  drain(workerId: string, operation: Operation): Promise<Worker>;
  verify(signal: AbortSignal): Promise<VerifyResponse>;
}

/** "short" is for health checks, which tell of a missing leader rather than wait for one. */
export type Patience = "normal" | "short";
