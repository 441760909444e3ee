// Nodes for tests of the gRPC edge: real servers on loopback, a queue and a leadership that the test
// directs.
import { WhyTaskResponse } from "../../src/gen/mesh/v1/task_why.js";
import { credentials, type ServiceError, type CallOptions, Metadata } from "@grpc/grpc-js";
import { afterEach } from "vitest";

import { NODE_CHANNEL_OPTIONS } from "../../src/api/channel-options.js";
import { ClientPool } from "../../src/api/client-pool.js";
import { createClusterService } from "../../src/api/cluster-service.js";
import type { EdgeLog } from "../../src/api/edge-log.js";
import { Forwarder } from "../../src/api/forwarding.js";
import type { UnaryStub } from "../../src/api/unary-client.js";
import { HealthService } from "../../src/api/health-service.js";
import { createReflectionServices } from "../../src/api/reflection-service.js";
import { createGrpcServer, type GrpcServer } from "../../src/api/server.js";
import type {
  ClusterReads,
  DeadLetters,
  LeaderClusterOperations,
  LeaderTaskOperations,
  Leadership,
  LeadershipView,
  TaskReads,
} from "../../src/api/task-backend.js";
import { createTaskService } from "../../src/api/task-service.js";
import {
  ClusterServiceClient,
  ClusterServiceService,
} from "../../src/gen/mesh/v1/cluster_service.js";
import { OnDependencyFailure, Task, TaskStatus } from "../../src/gen/mesh/v1/task.js";
import {
  type SubmitTaskRequest,
  type SubmitTaskResponse,
  type SubmitTaskResult,
  type SubmitTasksRequest,
  TaskServiceClient,
  TaskServiceService,
} from "../../src/gen/mesh/v1/task_service.js";
import { QueueError } from "../../src/queue/errors.js";

/** Undone after each test, the last first. */
const cleanups: (() => Promise<void> | void)[] = [];
export const afterTest = (cleanup: () => Promise<void> | void): void => {
  cleanups.push(cleanup);
};
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

export class RecordingLog implements EdgeLog {
  readonly errors: { readonly fields: object; readonly message: string }[] = [];
  error(fields: object, message: string): void {
    this.errors.push({ fields, message });
  }
  warn(): void {
    /* not looked at */
  }
  debug(): void {
    /* not looked at */
  }
}

export class DirectedLeadership implements LeadershipView {
  #now: Leadership = { kind: "unknown" };
  readonly #listeners = new Set<() => void>();

  leadership(): Leadership {
    return this.#now;
  }
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
  become(leadership: Leadership): void {
    this.#now = leadership;
    for (const listener of [...this.#listeners]) listener();
  }
  get listenerCount(): number {
    return this.#listeners.size;
  }
}

export function taskOf(overrides: Partial<Task> = {}): Task {
  return { ...Task.decode(new Uint8Array()), status: TaskStatus.PENDING, ...overrides };
}

/** Keeps tasks in memory; a test replaces what it wants to direct. */
export class FakeQueue implements LeaderTaskOperations, TaskReads, ClusterReads {
  readonly kept = new Map<string, Task>();
  readonly submitCalls: SubmitTasksRequest[] = [];
  readonly calls: string[] = [];

  constructor(readonly leadership: LeadershipView) {}

  submit(request: SubmitTasksRequest): Promise<SubmitTaskResult[]> {
    this.submitCalls.push(request);
    if (this.leadership.leadership().kind !== "self") {
      return Promise.reject(new QueueError("not_leader", "this node does not lead"));
    }
    return Promise.resolve(request.items.map((item) => this.keep(item)));
  }

  keep(item: SubmitTaskRequest): SubmitTaskResult {
    if (item.type === "refused") {
      const value = { code: "unknown_type", message: "no node", field: "type", httpStatus: 422 };
      return { outcome: { $case: "refused", value: { ...value, retryAfterMs: 0, logTimeMs: 0 } } };
    }
    const created = !this.kept.has(item.id);
    const task =
      this.kept.get(item.id) ?? taskOf({ id: item.id, type: item.type, data: item.data });
    this.kept.set(item.id, task);
    return { outcome: { $case: "submitted", value: { task, created, index: this.kept.size } } };
  }

  cancel: LeaderTaskOperations["cancel"] = ({ id }) => this.#once("cancel", id);
  retry: LeaderTaskOperations["retry"] = ({ id }) => this.#once("retry", id);

  why: LeaderTaskOperations["why"] = ({ id }) => {
    this.calls.push(`why ${id}`);
    return Promise.resolve({ ...WhyTaskResponse.decode(new Uint8Array()), id });
  };

  readonly deadLetters: DeadLetters = {
    retry: ({ selection }) => this.#onceForAll("retry", selection?.ids ?? []),
    drop: ({ selection }) => this.#onceForAll("drop", selection?.ids ?? []),
  };

  get: TaskReads["get"] = ({ id }) => {
    const task = this.kept.get(id);
    return task === undefined
      ? Promise.reject(new QueueError("not_found", `no task ${id}`))
      : Promise.resolve(task);
  };
  list: TaskReads["list"] = () =>
    Promise.resolve({ tasks: [...this.kept.values()], nextCursor: "" });
  logs: TaskReads["logs"] = () => Promise.resolve({ lines: [], nextCursor: "" });
  watch: TaskReads["watch"] = async function* () {
    /* nothing happens */
  };
  watchCluster: ClusterReads["watchCluster"] = async function* () {
    /* nothing happens */
  };
  cluster: ClusterReads["cluster"] = () => Promise.reject(new Error("the fake has no cluster"));

  #onceForAll(call: string, ids: readonly string[]) {
    this.calls.push(`${call} dead ${ids.join(" ")}`);
    return Promise.resolve({ ids: [...ids], more: false });
  }

  #once(call: string, id: string): Promise<Task> {
    this.calls.push(`${call} ${id}`);
    return Promise.resolve(taskOf({ id }));
  }
}

export interface TestNode {
  readonly leadership: DirectedLeadership;
  readonly queue: FakeQueue;
  readonly workers: LeaderClusterOperations;
  readonly log: RecordingLog;
  readonly health: HealthService;
  readonly server: GrpcServer;
  readonly address: string;
  readonly tasks: TaskServiceClient;
  readonly cluster: ClusterServiceClient;
}

export async function startNode(
  options: { readonly leaderWaitMs?: number } = {},
): Promise<TestNode> {
  const leadership = new DirectedLeadership();
  const queue = new FakeQueue(leadership);
  const log = new RecordingLog();
  const clients = new ClientPool();
  const forwarder = new Forwarder({ leadership, clients, ...options });
  const workers: LeaderClusterOperations = {
    workers: () => Promise.resolve({ workers: [], logTime: undefined }),
    transfer: ({ to }) => Promise.resolve({ leaderId: to, term: 2 }),
    drain: ({ id }) => Promise.reject(new QueueError("not_found", `no worker ${id}`)),
    verify: () => Promise.reject(new Error("the fake audits nothing")),
  };
  const health = new HealthService();
  const server = await createGrpcServer({
    host: "127.0.0.1",
    port: 0,
    services: [
      {
        definition: TaskServiceService,
        implementation: createTaskService({ operations: queue, reads: queue, forwarder, log }),
      },
      {
        definition: ClusterServiceService,
        implementation: createClusterService({ operations: workers, reads: queue, forwarder, log }),
      },
      ...createReflectionServices(log),
    ],
    extend: [(grpc) => health.addToServer(grpc)],
  });
  const tasks = new TaskServiceClient(
    server.address,
    credentials.createInsecure(),
    NODE_CHANNEL_OPTIONS,
  );
  const cluster = new ClusterServiceClient(
    server.address,
    credentials.createInsecure(),
    NODE_CHANNEL_OPTIONS,
  );
  afterTest(async () => {
    tasks.close();
    cluster.close();
    clients.close();
    await server.close(0);
  });
  return {
    leadership,
    queue,
    workers,
    log,
    health,
    server,
    address: server.address,
    tasks,
    cluster,
  };
}

/** `node` follows `leader`, whose id is its address. */
export function follow(node: TestNode, leader: TestNode): void {
  node.leadership.become({ kind: "other", id: leader.address, address: leader.address });
}

/** Calls a unary method and hands back its answer or throws its error. */
export function call<Request, Response>(
  stub: UnaryStub<Request, Response>,
  request: Request,
  { metadata = new Metadata(), ...options }: Partial<CallOptions> & { metadata?: Metadata } = {},
): Promise<Response> {
  return new Promise((resolve, reject) => {
    stub(request, metadata, { deadline: Date.now() + 10_000, ...options }, (error, response) => {
      if (error === null) resolve(response);
      else reject(error);
    });
  });
}

export async function failureOf(promise: Promise<unknown>): Promise<ServiceError> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error as ServiceError,
  );
  if (outcome === undefined) throw new Error("the call was expected to fail");
  return outcome;
}

export function submissionOf(overrides: Partial<SubmitTaskRequest> = {}): SubmitTaskRequest {
  return {
    type: "process",
    data: '"hi"',
    queue: "",
    priority: undefined,
    delayMs: undefined,
    runAtMs: undefined,
    maxAttempts: undefined,
    backoff: undefined,
    timeoutMs: undefined,
    requires: [],
    idempotencyKey: "",
    id: "",
    traceparent: "",
    deadlineMs: undefined,
    uniqueKey: "",
    after: [],
    onDependencyFailure: OnDependencyFailure.UNSPECIFIED,
    ...overrides,
  };
}

export const submit = (
  node: TestNode,
  overrides: Partial<SubmitTaskRequest> = {},
  options: Partial<CallOptions> & { metadata?: Metadata } = {},
): Promise<SubmitTaskResponse> =>
  call(node.tasks.submitTask.bind(node.tasks), submissionOf(overrides), options);
