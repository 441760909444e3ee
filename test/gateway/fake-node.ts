// A node that speaks the real gRPC services and does what a test tells it to.
import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerWritableStream,
  status,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { OLDEST_INDEX_METADATA_KEY } from "../../src/api/status.js";
import {
  ClusterServiceService,
  type GetClusterResponse,
  type LogTime,
  NodeRole,
  type Worker,
  WorkerReachability,
  WorkerState,
} from "../../src/gen/mesh/v1/cluster_service.js";
import type { Operation } from "../../src/gen/mesh/v1/operation.js";
import { type Task, TaskStatus } from "../../src/gen/mesh/v1/task.js";
import type { Problem } from "../../src/gen/mesh/v1/task_service.js";
import {
  type CancelTaskRequest,
  type GetTaskRequest,
  type ListTasksRequest,
  type RetryTaskRequest,
  type SubmitTaskRequest,
  type SubmitTaskResult,
  type SubmitTasksRequest,
  TaskServiceService,
  type WatchTasksRequest,
  WatchTasksResponse,
} from "../../src/gen/mesh/v1/task_service.js";
import type { ListTaskLogsRequest } from "../../src/gen/mesh/v1/task_log.js";
import { WhyTaskResponse } from "../../src/gen/mesh/v1/task_why.js";
import { answer, type Callback, Refusal, refuse, unary } from "./fake-answers.js";

/** A message of a watch with nothing in it. */
export const NO_CHANGE = WatchTasksResponse.decode(new Uint8Array());

/** What a handler may do besides answering. */
export type Behaviour = "answer" | "not_leader" | "no_leader" | "hang" | "keep_and_hang";

export class FakeNode {
  readonly submissions: SubmitTasksRequest[] = [];
  readonly reads: GetTaskRequest[] = [];
  /** What changed a task. */
  readonly changes: Operation[] = [];
  readonly lists: ListTasksRequest[] = [];
  readonly watches: ServerWritableStream<WatchTasksRequest, WatchTasksResponse>[] = [];
  /** Watches from before it are refused. */
  oldestIndex = 0;
  /** Ids of reads that were held and whose caller hung up. */
  readonly cancelledReads: string[] = [];
  /** Set by a test for reads that wait. */
  holdReads = false;
  behaviour: Behaviour = "answer";
  /** What the node knows of the leader. */
  leader: { readonly id: string; readonly address: string } = { id: "", address: "" };
  logTime: LogTime | undefined = {
    ...{ nowMs: 1_700_000_000_000, aheadMs: 2, refusedJumps: 1 },
    reasons: [],
  };
  members: readonly { readonly id: string; readonly address: string }[] = [];
  term = 1;
  redisConnected = true;
  /** What it says of any task that it knows. */
  why = WhyTaskResponse.decode(new Uint8Array());
  workerState = WorkerState.ACTIVE;
  /** Refuses the next change of a task (cancel, retry, drain, transfer, list). */
  refusal: Problem | undefined;
  refusalOfType = new Map<string, Problem>();
  readonly #server = new Server();
  port = 0;

  /**
   * @param tasks shared by the nodes of a mesh, as their log is
   * @param operations what each did to its task, shared likewise
   */
  constructor(
    readonly id: string,
    readonly tasks: Map<string, Task> = new Map(),
    readonly operations: Map<string, Task> = new Map(),
  ) {}

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  async start(port = 0): Promise<void> {
    this.#server.addService(TaskServiceService, this.#taskService());
    this.#server.addService(ClusterServiceService, this.#clusterService());
    this.port = await new Promise<number>((resolve, reject) => {
      const credentials = ServerCredentials.createInsecure();
      this.#server.bindAsync(`127.0.0.1:${port}`, credentials, (error, bound) => {
        if (error === null) resolve(bound);
        else reject(error);
      });
    });
  }

  /** Gone as by kill -9: connections are cut, new ones refused. */
  kill(): void {
    this.#server.forceShutdown();
  }

  #taskService(): UntypedServiceImplementation {
    return {
      submitTasks: unary((request: SubmitTasksRequest) => {
        this.submissions.push(request);
        this.#checkLeads();
        if (this.behaviour === "hang") return undefined;
        const results = request.items.map((item) => this.#keep(item, request.resend));
        return this.behaviour === "keep_and_hang" ? undefined : { results };
      }),
      submitTask: unary(() => refuse("internal", 500)),
      getTask: (
        call: { request: GetTaskRequest; on(event: "cancelled", heard: () => void): void },
        callback: Callback,
      ) => {
        this.reads.push(call.request);
        if (this.holdReads) {
          call.on("cancelled", () => this.cancelledReads.push(call.request.id));
          return;
        }
        answer(callback, () => ({ task: this.#find(call.request.id) }));
      },
      listTasks: unary((request: ListTasksRequest) => {
        this.lists.push(request);
        this.#refuseOnce();
        return { tasks: [...this.tasks.values()], nextCursor: "next" };
      }),
      listTaskLogs: unary((request: ListTaskLogsRequest) => {
        this.#find(request.id);
        return { lines: [], nextCursor: "" };
      }),
      cancelTask: unary((request: CancelTaskRequest) =>
        this.#change(request, TaskStatus.CANCELLED),
      ),
      retryTask: unary((request: RetryTaskRequest) => this.#change(request, TaskStatus.PENDING)),
      whyTask: unary(({ id }: { id: string }) => {
        this.#checkLeads();
        this.#find(id);
        return this.why;
      }),
      watchTasks: (call: ServerWritableStream<WatchTasksRequest, WatchTasksResponse>) => {
        this.watches.push(call);
        const oldest = this.oldestIndex;
        const { fromIndex } = call.request;
        if (fromIndex !== undefined && fromIndex < oldest) {
          const metadata = new Metadata();
          metadata.set(OLDEST_INDEX_METADATA_KEY, String(oldest));
          const error = { code: status.OUT_OF_RANGE, details: "they are gone", metadata };
          call.emit("error", error);
          return;
        }
        const begin = { index: fromIndex ?? 1, position: call.request.fromPosition, changes: [] };
        call.write({ ...NO_CHANGE, ...begin });
      },
    };
  }

  #clusterService(): UntypedServiceImplementation {
    return {
      getCluster: unary(() => this.#cluster()),
      listWorkers: unary(() => {
        this.#checkLeads();
        const workers = this.members.map(({ id, address }) => this.#worker(id, address));
        return { workers, logTime: this.logTime };
      }),
      transferLeadership: unary(({ to }: { to: string }) => {
        this.#refuseOnce();
        return { leaderId: to === "" ? "n2" : to, term: this.term + 1 };
      }),
      drainWorker: unary(({ id }: { id: string }) => {
        this.#refuseOnce();
        return { worker: { ...this.#worker(id, this.address), state: WorkerState.DRAINING } };
      }),
    };
  }

  #keep(item: SubmitTaskRequest, resend: boolean): SubmitTaskResult {
    const refused = this.refusalOfType.get(item.type);
    if (refused !== undefined) return { outcome: { $case: "refused", value: refused } };
    const known = [...(item.idempotencyKey === "" ? [] : this.tasks.values())].find(
      (task) => task.idempotencyKey === item.idempotencyKey,
    );
    const sentBefore = resend ? this.tasks.get(item.id) : undefined;
    if (!resend && this.tasks.has(item.id)) throw new Error("a known id without resend");
    const task = known ?? sentBefore ?? taskOf(item);
    const created = known === undefined && sentBefore === undefined;
    this.tasks.set(task.id, task);
    return { outcome: { $case: "submitted", value: { task, created, index: this.tasks.size } } };
  }

  #change(
    { id, operation }: CancelTaskRequest | RetryTaskRequest,
    to: TaskStatus,
  ): { task: Task } | undefined {
    this.#checkLeads();
    this.#refuseOnce();
    const known = this.operations.get(operation?.id ?? "");
    if (known !== undefined) return { task: known };
    const task = this.#find(id);
    if (task.status === to) refuse("already_ended", 409);
    const changed = { ...task, status: to };
    this.tasks.set(id, changed);
    if (operation !== undefined) this.operations.set(operation.id, changed);
    if (operation !== undefined) this.changes.push(operation);
    return this.behaviour === "keep_and_hang" ? undefined : { task: changed };
  }

  #find(id: string): Task {
    return this.tasks.get(id) ?? refuse("not_found", 404);
  }

  #refuseOnce(): void {
    const { refusal } = this;
    this.refusal = undefined;
    if (refusal !== undefined) throw new Refusal(refusal);
  }

  #checkLeads(): void {
    if (this.behaviour === "not_leader" || this.behaviour === "no_leader") {
      refuse(this.behaviour, 503);
    }
  }

  #cluster(): GetClusterResponse {
    const { members } = this;
    return {
      meshName: "test",
      meshId: "mesh-a",
      nodeId: this.id,
      term: this.term,
      leaderId: this.leader.id,
      leaderAddress: this.leader.address,
      lastIndex: 3,
      commitIndex: 3,
      appliedIndex: 3,
      redisAppliedIndex: 3,
      members: members.map((member) => ({
        ...member,
        role: member.id === this.leader.id ? NodeRole.LEADER : NodeRole.FOLLOWER,
        voter: true,
        matchIndex: 3,
        reachable: true,
      })),
      links: [],
      redis: { connected: this.redisConnected, error: this.redisConnected ? "" : "down" },
      contradictions: [],
      version: 1,
      balancerPolicy: "least-loaded",
      counts: {
        scheduled: 0,
        pending: 2,
        running: 1,
        completed: 0,
        dead: 0,
        cancelled: 0,
        queues: [{ name: "default", pending: 2, paused: false }],
      },
    };
  }

  #worker(id: string, address: string): Worker {
    return {
      id,
      address,
      role: id === this.leader.id ? NodeRole.LEADER : NodeRole.FOLLOWER,
      state: this.workerState,
      concurrency: 20,
      running: 1,
      completed: 5,
      failed: 0,
      labels: ["gpu"],
      types: ["process"],
      lastSeenMs: 1_700_000_000_000,
      host: "test",
      pid: 7,
      version: "0.1.0",
      relativeServiceTime: 1,
      stalls: 2,
      longestStallMs: 1_200,
      heldTypes: [],
      handlerTrouble: "",
      blockingTypes: [],
      reachability: WorkerReachability.DIRECT,
      clockAheadMs: 3,
    };
  }
}

/** A pending task as the queue would make it of the submission. */
export function taskOf(item: SubmitTaskRequest): Task {
  const nowMs = 1_700_000_000_000;
  return {
    id: item.id,
    type: item.type,
    data: item.data === "" ? "null" : item.data,
    queue: item.queue === "" ? "default" : item.queue,
    priority: item.priority ?? 5,
    status: TaskStatus.PENDING,
    attempts: 0,
    maxAttempts: item.maxAttempts ?? 3,
    createdAtMs: nowMs,
    runAtMs: item.runAtMs ?? nowMs + (item.delayMs ?? 0),
    startedAtMs: undefined,
    finishedAtMs: undefined,
    workerId: "",
    fence: 0,
    result: undefined,
    error: undefined,
    progress: undefined,
    history: [],
    backoff: item.backoff,
    timeoutMs: item.timeoutMs ?? 0,
    requires: item.requires,
    schedule: "",
    idempotencyKey: item.idempotencyKey,
    deadlineAtMs: item.deadlineMs === undefined ? undefined : nowMs + item.deadlineMs,
    uniqueKey: item.uniqueKey,
    after: item.after,
    onDependencyFailure: item.onDependencyFailure,
    waitsFor: item.after,
  };
}
