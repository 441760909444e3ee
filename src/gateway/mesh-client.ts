// The mesh over gRPC: submissions that stay one task however often they are sent, reads, and what can be
// asked of the cluster.
import type { Caller } from "../api/caller-identity.js";
import { ClientPool } from "../api/client-pool.js";
import { OPERATION_LIFETIME_MS } from "../api/operation-id.js";
import { taskIds } from "../api/task-ids.js";
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
  SubmitTaskResult,
} from "../gen/mesh/v1/task_service.js";
import type { ListTaskLogsRequest, ListTaskLogsResponse } from "../gen/mesh/v1/task_log.js";
import type { WhyTaskResponse } from "../gen/mesh/v1/task_why.js";
import type { OwnLinks } from "../links/own-links.js";
import { LeaderTracker } from "./leader-tracker.js";
import {
  CALL_TRY_MS,
  CHANGE_TRY_MS,
  HEALTH_RETRY_MS,
  HEALTH_TRY_MS,
  SUBMIT_TRY_MS,
  VERIFY_TRY_MS,
  WAIT_SLACK_MS,
} from "./limits.js";
import type { Mesh, Patience } from "./mesh.js";
import { MeshCaller } from "./mesh-caller.js";
import { type NodeDirectory, Peers } from "./peers.js";
import { present } from "./answers.js";
import { type ClusterListener, ClusterFollower } from "./cluster-follower.js";
import { DeadLetterCalls } from "./dead-letter-calls.js";
import { QueueCalls } from "./queue-calls.js";
import { ScheduleCalls } from "./schedule-calls.js";
import { RecentSubmissions } from "./recent-submissions.js";
import { SubmissionBatcher } from "./submission-batcher.js";
import { type WatchRequest, type WatchStep, TaskWatch } from "./task-watch.js";

export interface MeshClientOptions {
  readonly directory: NodeDirectory;
  /** The gateway, as its calls introduce it. */
  readonly caller?: Caller | undefined;
  /** How long a call looks for a node that can answer it. */
  readonly retryForMs: number;
  /** What is wrong with the links on purpose, where that is allowed. */
  readonly links?: OwnLinks | undefined;
}

export class MeshClient implements Mesh {
  readonly schedules: ScheduleCalls;
  readonly deadLetters: DeadLetterCalls;
  readonly #peers: Peers;
  readonly queues: QueueCalls;
  readonly #pool: ClientPool;
  readonly #leaders: LeaderTracker;
  readonly #caller: MeshCaller;
  readonly #taskWatch: TaskWatch;
  readonly #clusterWatch: ClusterFollower;
  readonly #newId = taskIds();
  readonly #recent = new RecentSubmissions();
  readonly #batcher = new SubmissionBatcher((items) => this.#submitBatch(items));
  readonly #retryForMs: number;

  constructor(options: MeshClientOptions) {
    const peers = new Peers(options.directory);
    this.#peers = peers;
    const nameOf = (address: string): string | undefined => peers.nameOf(address);
    const { caller } = options;
    this.#pool = new ClientPool({
      credentials: options.links?.credentials("calls", nameOf),
      caller,
    });
    this.#retryForMs = options.retryForMs;
    this.#leaders = new LeaderTracker(this.#pool, peers);
    this.#caller = new MeshCaller(this.#pool, peers, this.#leaders, options.retryForMs);
    this.schedules = new ScheduleCalls(this.#caller);
    this.queues = new QueueCalls(this.#caller);
    this.deadLetters = new DeadLetterCalls(this.#caller);
    this.#taskWatch = new TaskWatch(this.#pool, peers, this.#leaders);
    this.#clusterWatch = new ClusterFollower(this.#pool, peers, this.#leaders);
  }

  /** Address by id of every node that is known. */
  nodes(): ReadonlyMap<string, string> {
    return this.#peers.byId();
  }

  /** Begins to look for the leader. */
  start(): void {
    this.#leaders.start();
  }

  /** Closes the connections; calls under way go on to their end. */
  stop(): void {
    this.#leaders.stop();
    this.#pool.close();
  }

  /**
   * Submits one task, together with what others submit meanwhile.
   * @throws MeshRefusal with the item's own refusal, "overloaded", "no_leader" or "outcome_unknown"
   */
  async submit(item: SubmitTaskRequest): Promise<SubmitTaskResponse> {
    // Fixed before the first try: whatever is sent again is the same task.
    const response = await this.#batcher.submit({ ...item, id: this.#newId() });
    if (response.task !== undefined) this.#recent.add(response.task.id, response.index);
    return response;
  }

  /**
   * A task; one that this gateway submitted is shown at least as it was then.
   * @throws MeshRefusal, and the reason of `signal`
   */
  async get(request: GetTaskRequest, signal: AbortSignal): Promise<Task> {
    const endsAtMs = performance.now() + request.waitMs;
    const minIndex = Math.max(request.minIndex, this.#recent.indexOf(request.id));
    const leftMs = (): number => Math.max(0, Math.ceil(endsAtMs - performance.now()));
    const { task } = await this.#caller.call({
      stub: (peer) => peer.tasks.getTask.bind(peer.tasks),
      request: () => ({ ...request, minIndex, waitMs: request.waitMs === 0 ? 0 : leftMs() }),
      target: request.linearizable ? "leader" : "any",
      repeat: "none",
      tryMs: request.waitMs + (request.waitMs === 0 ? CALL_TRY_MS : WAIT_SLACK_MS),
      retryForMs: request.waitMs + this.#retryForMs,
      signal,
    });
    return present(task);
  }

  /** A page of tasks, newest first. @throws MeshRefusal */
  list(request: ListTasksRequest): Promise<ListTasksResponse> {
    return this.#caller.call({
      stub: (peer) => peer.tasks.listTasks.bind(peer.tasks),
      request: () => request,
      target: "any",
      repeat: "none",
    });
  }

  /** A page of what the handler of a task wrote. @throws MeshRefusal */
  logs(request: ListTaskLogsRequest): Promise<ListTaskLogsResponse> {
    return this.#caller.call({
      stub: (peer) => peer.tasks.listTaskLogs.bind(peer.tasks),
      request: () => request,
      target: "any",
      repeat: "none",
      tryMs: CALL_TRY_MS,
      retryForMs: this.#retryForMs,
    });
  }

  /** @throws MeshRefusal "not_found", "already_ended" and others */
  async cancel(id: string, operation: Operation): Promise<Task> {
    const { task } = await this.#caller.change({
      stub: (peer) => peer.tasks.cancelTask.bind(peer.tasks),
      request: { id, operation },
      tryMs: CHANGE_TRY_MS,
    });
    return present(task);
  }

  /** @throws MeshRefusal "not_found", "not_retryable" and others */
  async retry(id: string, operation: Operation): Promise<Task> {
    const { task } = await this.#caller.change({
      stub: (peer) => peer.tasks.retryTask.bind(peer.tasks),
      request: { id, operation },
      tryMs: CHANGE_TRY_MS,
    });
    return present(task);
  }

  /** Why a task stands where it does; the leader answers. @throws MeshRefusal */
  why(id: string): Promise<WhyTaskResponse> {
    return this.#caller.call({
      stub: (peer) => peer.tasks.whyTask.bind(peer.tasks),
      request: () => ({ id }),
      repeat: "none",
      tryMs: CALL_TRY_MS + WAIT_SLACK_MS,
    });
  }

  /**
   * Changes of tasks from a place on, until `signal` is aborted; goes on at another node where one
   * goes away.
   */
  watch(request: WatchRequest, signal: AbortSignal): AsyncIterable<WatchStep> {
    return this.#taskWatch.follow(request, { signal, retryForMs: this.#retryForMs });
  }

  /**
   * Tells the listener the state of the mesh and each newer one.
   * @returns the function that ends it
   */
  onCluster(listener: ClusterListener): () => void {
    return this.#clusterWatch.subscribe(listener);
  }

  /**
   * The workers as the leader knows them, and log time.
   * @param patience "short" for health checks, which rather fail than wait
   * @throws MeshRefusal
   */
  workers(patience: Patience = "normal"): Promise<ListWorkersResponse> {
    return this.#caller.call({
      stub: (peer) => peer.cluster.listWorkers.bind(peer.cluster),
      request: () => ({}),
      repeat: "none",
      ...this.#boundsOf(patience),
    });
  }

  /**
   * The mesh as its leader sees it.
   * @param patience "short" for health checks, which rather fail than wait
   * @throws MeshRefusal
   */
  async cluster(patience: Patience = "normal"): Promise<GetClusterResponse> {
    const cluster = await this.#caller.call({
      stub: (peer) => peer.cluster.getCluster.bind(peer.cluster),
      request: () => ({}),
      repeat: "none",
      ...this.#boundsOf(patience),
    });
    this.#leaders.learn(cluster);
    return cluster;
  }

  /** Hands the leadership over; resolves once another node leads. @throws MeshRefusal */
  async transfer(to: string, operation: Operation): Promise<TransferLeadershipResponse> {
    const response = await this.#caller.change({
      stub: (peer) => peer.cluster.transferLeadership.bind(peer.cluster),
      request: { to, operation },
      tryMs: CHANGE_TRY_MS,
    });
    void this.#leaders.look();
    return response;
  }

  /**
   * Decides that a node is to leave; resolves before it has left.
   * @throws MeshRefusal "not_found", "last_worker" and others
   */
  async drain(workerId: string, operation: Operation): Promise<Worker> {
    const { worker } = await this.#caller.change({
      stub: (peer) => peer.cluster.drainWorker.bind(peer.cluster),
      request: { id: workerId, operation },
    });
    return present(worker);
  }

  /** Runs an audit, which reads every task and may take minutes. @throws MeshRefusal */
  verify(signal: AbortSignal): Promise<VerifyResponse> {
    return this.#caller.call({
      stub: (peer) => peer.cluster.verify.bind(peer.cluster),
      request: () => ({}),
      repeat: "none",
      tryMs: VERIFY_TRY_MS,
      signal,
    });
  }

  async #submitBatch(items: SubmitTaskRequest[]): Promise<SubmitTaskResult[]> {
    const endsAtMs = Date.now() + OPERATION_LIFETIME_MS;
    const { results } = await this.#caller.inLogTime((logTimeOf) => {
      const expiresAtMs = logTimeOf(endsAtMs);
      return this.#caller.call({
        stub: (peer) => peer.tasks.submitTasks.bind(peer.tasks),
        request: (sentBefore) => ({ items, resend: sentBefore, expiresAtMs }),
        repeat: "same",
        tryMs: SUBMIT_TRY_MS,
      });
    });
    return results;
  }

  #boundsOf(patience: Patience): { readonly tryMs?: number; readonly retryForMs?: number } {
    return patience === "short"
      ? { tryMs: HEALTH_TRY_MS, retryForMs: Math.min(HEALTH_RETRY_MS, this.#retryForMs) }
      : {};
  }
}
