// A node's worker with everything around it faked but the log: time, leader, Redis, handlers.
import { vi } from "vitest";
import { CommandBatch } from "../../src/gen/mesh/v1/command.js";
import type { TaskDefinition } from "../../src/gen/mesh/v1/task.js";
import type { TaskReport } from "../../src/gen/mesh/v1/worker_service.js";
import { QueueMachine } from "../../src/queue/state/queue-machine.js";
import { WorkerAgent } from "../../src/mesh/worker/worker-agent.js";
import type { LeaderChannel } from "../../src/mesh/worker/worker-agent-options.js";
import { logIndex, term } from "../../src/raft/index.js";
import type { TaskAssignment } from "../../src/worker/attempt.js";
import { Executor } from "../../src/worker/executor.js";
import { NOWHERE } from "../../src/worker/handler-place.js";
import type { HandlerContext } from "../../src/worker/handler.js";
import { runningTask, taskDefinition, turns } from "./queue-fixtures.js";
import { registryOf, threadPool } from "../worker/support.js";

export const LEASE_MS = 1_000;
type Kind = NonNullable<CommandBatch["commands"][number]["kind"]>;

export class FakeChannel implements LeaderChannel {
  readonly keepalives: number[] = [];
  readonly sent: TaskReport[] = [];
  keepalive(sequence: number): void {
    this.keepalives.push(sequence);
  }
  progress = (): void => undefined;
  logs = (): void => undefined;

  reports(reports: readonly TaskReport[]): void {
    this.sent.push(...reports);
  }
  get told(): string[] {
    return this.sent.map(({ taskId, outcome }) => {
      const text = outcome?.$case === "handedBack" ? ` ${outcome.value}` : "";
      return `${taskId} ${outcome?.$case ?? "nothing"}${text}`;
    });
  }
}

export function workerBench(options: { readonly bornAtIndex?: number } = {}) {
  const machine = new QueueMachine();
  const clock = { ms: 10_000 };
  const started: TaskAssignment["taskId"][] = [];
  const contexts = new Map<string, HandlerContext>();
  const finish = new Map<string, (value: unknown) => void>();
  /** Whether the watch finds at its next look that the loop has stood still. */
  const stall = { now: false };
  /** Time that passes before a handler lets anything else run. */
  const blockMs = new Map<string, number>();
  const redis = { definitions: new Map<string, TaskDefinition>(), down: false, reads: 0 };
  const agent: WorkerAgent = new WorkerAgent({
    nodeId: "n1",
    leaseMs: LEASE_MS,
    table: machine.table,
    definitions: machine.definitions,
    bornAtIndex: options.bornAtIndex ?? 0,
    executor: (report, _, mayStart) =>
      new Executor({
        slots: 2,
        handlers: registryOf({
          process: (task, context) => {
            started.push(task.id);
            clock.ms += blockMs.get(task.id) ?? 0;
            contexts.set(task.id, context);
            return new Promise((resolve) => finish.set(task.id, resolve));
          },
        }),
        places: { thread: threadPool(), host: NOWHERE },
        report,
        mayStart,
      }),
    fetchDefinitions: async (ids) => {
      redis.reads += 1;
      await turns(1);
      if (redis.down) throw new Error("down");
      return new Map([...redis.definitions].filter(([id]) => ids.includes(id)));
    },
    lookForStall: () => {
      if (!stall.now) return;
      stall.now = false;
      agent.stalled();
    },
    monotonicMs: () => clock.ms,
    logger: { debug: () => undefined, warn: () => undefined } as never,
  });
  machine.onApplied((entry) => agent.entryApplied(entry));
  let index = 0;
  const apply = (...kinds: Kind[]): number => {
    index += 1;
    const batch = { atMs: 1, commands: kinds.map((kind) => ({ kind })) };
    const data = CommandBatch.encode(batch).finish();
    machine.apply([{ index: logIndex(index), term: term(1), kind: "command", data }]);
    return index;
  };
  const channel = new FakeChannel();
  const grant = (to = channel, leaderIndex = 0): void => {
    const sequence = to.keepalives.at(-1) ?? 0;
    agent.leaseGranted({ sequence, leaseMs: LEASE_MS, term: 1, index: leaderIndex });
  };
  const pass = async (ms: number): Promise<void> => {
    clock.ms += ms;
    await vi.advanceTimersByTimeAsync(ms);
    await turns(3);
  };
  agent.start();
  const doubles = { redis, channel, stall, blockMs };
  return { agent, machine, clock, started, contexts, finish, apply, grant, pass, ...doubles };
}

export const submit = (...ids: string[]): Kind => ({
  $case: "submit",
  value: { tasks: ids.map((id) => taskDefinition(id)) },
});
export const assign = (id: string, nodeId = "n1"): Kind => ({
  $case: "assign",
  value: { nodeId, assignments: [runningTask(id, 0).assignment] },
});
export const cancel = (id: string): Kind => ({ $case: "cancel", value: { taskIds: [id] } });
export const completed = (taskId: string, fence: number): Kind => ({
  $case: "finish",
  value: {
    outcomes: [
      {
        taskId,
        fence,
        startedAtMs: 1,
        finishedAtMs: 2,
        outcome: { $case: "completed", value: "1" },
      },
    ],
  },
});
