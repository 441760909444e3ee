// Builders for tests of the queue and the mesh: tasks, workers, reports, and a log whose commits the
// test decides.
import { expect } from "vitest";
import { type Command, CommandBatch, type OperateCommand } from "../../src/gen/mesh/v1/command.js";
import {
  type Backoff,
  BackoffType,
  OnDependencyFailure,
  type TaskDefinition,
} from "../../src/gen/mesh/v1/task.js";
import type { Operation } from "../../src/gen/mesh/v1/operation.js";
import type { SubmitTaskRequest } from "../../src/gen/mesh/v1/task_service.js";
import type { TaskReport, WorkerHello } from "../../src/gen/mesh/v1/worker_service.js";
import type { RunningTask } from "../../src/queue/state/assignment-table.js";
import type { CommandLog, LogProposal } from "../../src/queue/leader/entry-proposer.js";
import type { PendingTask } from "../../src/queue/task/pending-task.js";
import { taskSequence } from "../../src/queue/state/task-sequence.js";

/** The clock of tests that name none. */
export const NOW_MS = 1_750_000_000_000;

export const BACKOFF: Backoff = {
  type: BackoffType.EXPONENTIAL,
  delayMs: 1_000,
  maxMs: 60_000,
  jitter: 0.25,
};

export function taskDefinition(
  id: string,
  overrides: Partial<TaskDefinition> = {},
): TaskDefinition {
  return {
    id,
    type: "process",
    data: '"hello"',
    queue: "default",
    priority: 5,
    maxAttempts: 3,
    backoff: BACKOFF,
    timeoutMs: 0,
    requires: [],
    idempotencyKey: "",
    createdAtMs: NOW_MS,
    runAtMs: NOW_MS,
    traceparent: "",
    deadlineMs: 0,
    uniqueKey: "",
    after: [],
    onDependencyFailure: OnDependencyFailure.UNSPECIFIED,
    schedule: "",
    ...overrides,
  };
}

export function submission(overrides: Partial<SubmitTaskRequest> = {}): SubmitTaskRequest {
  return {
    id: "",
    type: "process",
    data: '"hello"',
    queue: "",
    priority: undefined,
    maxAttempts: undefined,
    backoff: undefined,
    timeoutMs: undefined,
    requires: [],
    idempotencyKey: "",
    delayMs: undefined,
    runAtMs: undefined,
    traceparent: "",
    deadlineMs: undefined,
    uniqueKey: "",
    after: [],
    onDependencyFailure: OnDependencyFailure.UNSPECIFIED,
    ...overrides,
  };
}

/** A pending task that the entry at `index` submitted at `position`. */
export function pendingTask(
  id: string,
  index: number,
  overrides: Partial<PendingTask> & { readonly position?: number } = {},
): PendingTask {
  const { position = 0, ...rest } = overrides;
  return {
    id,
    type: "process",
    queue: "default",
    priority: 5,
    sequence: taskSequence(index, position),
    attempts: 0,
    maxAttempts: 3,
    backoff: BACKOFF,
    timeoutMs: 0,
    requires: [],
    losses: 0,
    lapses: 0,
    runAtMs: NOW_MS,
    deadlineAtMs: 0,
    ...rest,
  };
}

export function workerHello(nodeId: string, overrides: Partial<WorkerHello> = {}): WorkerHello {
  return {
    nodeId,
    concurrency: 4,
    labels: [],
    types: ["process"],
    address: `${nodeId}:50051`,
    host: "host",
    pid: 1,
    version: "0.0.0",
    draining: false,
    meshId: "mesh",
    startedAtMs: 1,
    stalls: 0,
    longestStallMs: 0,
    heldTypes: [],
    handlerTrouble: "",
    blockingTypes: [],
    speaks: 1,
    ...overrides,
  };
}

export function runningTask(
  taskId: string,
  fence: number,
  overrides: Partial<RunningTask["assignment"]> & { readonly nodeId?: string } = {},
): RunningTask {
  const { nodeId = "n1", ...assignment } = overrides;
  return {
    nodeId,
    fence,
    assignedAtMs: NOW_MS,
    assignment: {
      taskId,
      type: "process",
      queue: "default",
      priority: 5,
      sequence: taskSequence(1, 0),
      attempt: 1,
      maxAttempts: 3,
      backoff: BACKOFF,
      timeoutMs: 0,
      requires: [],
      losses: 0,
      lapses: 0,
      runAtMs: NOW_MS,
      deadlineAtMs: 0,
      ...assignment,
    },
  };
}

export function taskReport(
  taskId: string,
  fence: number,
  outcome: TaskReport["outcome"] = { $case: "result", value: '"done"' },
): TaskReport {
  return { taskId, fence, startedAtMs: NOW_MS, finishedAtMs: NOW_MS + 5, outcome };
}

interface Proposed {
  readonly index: number;
  readonly batch: CommandBatch;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Takes proposals in order; the test says when each is committed, lost or refused. */
export class ManualLog implements CommandLog {
  readonly proposed: Proposed[] = [];
  /** Set to have the next proposals refused. */
  refusal: string | undefined;
  isWritable = true;
  #next: number;

  constructor(firstIndex = 1) {
    this.#next = firstIndex;
  }

  nextIndex(): number {
    return this.#next;
  }

  writable(): boolean {
    return this.isWritable;
  }

  propose(data: Uint8Array, made: CommandBatch): LogProposal {
    const batch = CommandBatch.decode(data);
    // The leader applies what it made, the others what they decode.
    expect(made).toStrictEqual(batch);
    if (this.refusal !== undefined) return { kind: "refused", reason: this.refusal };
    const index = this.#next;
    this.#next += 1;
    const committed = new Promise<void>((resolve, reject) => {
      this.proposed.push({ index, batch, resolve, reject });
    });
    return { kind: "accepted", index, committed };
  }

  /** The oldest proposal that is still open. */
  take(): Proposed | undefined {
    return this.proposed.shift();
  }

  /** Every open proposal is lost, as when leadership is. */
  loseAll(): void {
    for (const { reject } of this.proposed.splice(0)) reject(new Error("leadership was lost"));
  }
}

/** An operation that nothing else has, unless it is asked for twice. */
export function operation(id: string, expiresAtMs = NOW_MS + 60_000): Operation {
  return { id, expiresAtMs, fingerprint: "" };
}

/** A client's call that cancels a task. */
export function cancellation(taskId: string, id = `cancel ${taskId}`): OperateCommand {
  const command: Command = { kind: { $case: "cancel", value: { taskIds: [taskId] } } };
  return { operation: operation(id), command, note: Buffer.alloc(0) };
}

/** Lets the event loop turn, so that whatever would still happen has happened. */
export async function turns(count = 4): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) {
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

/** How a promise stands after the event loop has turned. */
export async function stateOf(promise: Promise<unknown>): Promise<"open" | "kept" | "broken"> {
  let state: "open" | "kept" | "broken" = "open";
  promise.then(
    () => (state = "kept"),
    () => (state = "broken"),
  );
  await turns();
  return state;
}
