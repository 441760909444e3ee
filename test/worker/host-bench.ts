// An executor whose types are those of a module in a handler host, with what it says collected.
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, vi } from "vitest";
import type { TaskReport } from "../../src/gen/mesh/v1/worker_service.js";
import type { TaskAssignment } from "../../src/worker/attempt.js";
import { Executor } from "../../src/worker/executor.js";
import type { ExecutorOptions } from "../../src/worker/executor-options.js";
import type { LogLine } from "../../src/worker/log-line.js";
import {
  HostSupervisor,
  type HostSupervisorOptions,
} from "../../src/worker/supervision/host-supervisor.js";
import { assignmentOf, registryOfUser, threadPool } from "./support.js";

export type Outcome = TaskReport["outcome"];

export interface HostBench {
  readonly executor: Executor;
  readonly host: HostSupervisor;
  readonly reports: TaskReport[];
  readonly lines: LogLine[];
  readonly progress: number[];
  /** What the node's log is told, warnings and what handlers print. */
  readonly logged: string[];
  start(type: string, overrides?: Partial<TaskAssignment>): TaskAssignment;
  /** How a task that was started has ended. */
  ended(taskId: string): Promise<Outcome>;
  /** Runs a task to its end. */
  outcome(type: string, overrides?: Partial<TaskAssignment>): Promise<Outcome>;
  /** Waits until a handler that leaves a mark beside its module, and then blocks, has begun to. */
  blocked(): Promise<void>;
  /** Waits until a handler that reports its start as progress runs, however many have. */
  running(count?: number): Promise<void>;
}

/** @param source the user's module */
export async function startHost(
  source: string,
  options: Partial<HostSupervisorOptions> = {},
): Promise<{ readonly host: HostSupervisor; readonly logged: string[]; readonly folder: string }> {
  const folder = await mkdtemp(join(tmpdir(), "taskmesh-host-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const userModule = join(folder, "handlers.mjs");
  await writeFile(userModule, source);
  const logged: string[] = [];
  const write = (_fields: unknown, message = ""): void => {
    logged.push(message);
  };
  const host = await HostSupervisor.start({
    isolation: "thread",
    userModule,
    heapMb: 256,
    beatMs: 50,
    maxBlockMs: 60_000,
    abortGraceMs: 60_000,
    logger: { info: write, warn: write },
    ...options,
  });
  onTestFinished(() => host.close());
  return { host, logged, folder };
}

export async function hostBench(
  source: string,
  options: Partial<HostSupervisorOptions> = {},
  more: Partial<ExecutorOptions> = {},
): Promise<HostBench> {
  const { host, logged, folder } = await startHost(source, options);
  const reports: TaskReport[] = [];
  const lines: LogLine[] = [];
  const progress: number[] = [];
  const executor = new Executor({
    slots: 8,
    handlers: registryOfUser(host.types.map(({ name, thread }) => [name, { thread }])),
    places: { thread: threadPool(), host },
    report: (report) => reports.push(report),
    line: (_assignment, line) => lines.push(line),
    progress: (_taskId, _fence, percent) => progress.push(percent),
    ...more,
  });
  onTestFinished(() => executor.stop(0));
  const start: HostBench["start"] = (type, overrides) => {
    const assignment = assignmentOf(type, { taskId: type, ...overrides });
    executor.run(assignment);
    return assignment;
  };
  const ended: HostBench["ended"] = (taskId) =>
    vi.waitFor(
      () => {
        const report = reports.find((one) => one.taskId === taskId);
        expect(report, `${taskId} has ended; ${logged.join(" | ")}`).toBeDefined();
        return report?.outcome;
      },
      { timeout: 20_000 },
    );
  const outcome: HostBench["outcome"] = (type, overrides) => ended(start(type, overrides).taskId);
  const running: HostBench["running"] = (count = 1) =>
    vi.waitFor(() => expect(progress).toHaveLength(count), { timeout: 20_000 });
  const blocked: HostBench["blocked"] = () =>
    vi.waitFor(() => expect(existsSync(join(folder, "blocked"))).toBe(true), { timeout: 20_000 });
  const told = { reports, lines, progress, logged };
  return { executor, host, ...told, start, ended, outcome, running, blocked };
}

/** What a task failed with. */
export function failureIn(outcome: Outcome) {
  if (outcome?.$case !== "failure") {
    throw new Error(`a failure was expected, not ${JSON.stringify(outcome)}`);
  }
  return outcome.value;
}
