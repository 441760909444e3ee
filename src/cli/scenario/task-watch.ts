// Watches the tasks of a scenario until they are where they are to be, and shows how far they are.
import type { PromiseCheck, Stage } from "./scenario.js";
import { completedOnce, hasEnded, type ObservedTask } from "./observed-task.js";
import { until } from "./until.js";

const ENDED_TIMEOUT_MS = 120_000;

/** Waits until `enough` says so; resolves with all tasks as they are then. */
export function tasksUntil(
  stage: Stage,
  what: string,
  enough: (tasks: readonly ObservedTask[]) => boolean,
): Promise<readonly ObservedTask[]> {
  const look = async (): Promise<readonly ObservedTask[] | undefined> => {
    const tasks = await stage.mesh.client.tasks();
    showProgress(stage, tasks);
    return enough(tasks) ? tasks : undefined;
  };
  return until(what, look, { signal: stage.signal, timeoutMs: ENDED_TIMEOUT_MS });
}

/** Waits until each of these tasks has ended; resolves with all tasks there are. */
export function tasksEnded(stage: Stage, ids: readonly string[]): Promise<readonly ObservedTask[]> {
  return tasksUntil(stage, `${ids.length} tasks end`, (tasks) => {
    const ended = new Set(tasks.filter(hasEnded).map(({ id }) => id));
    return ids.every((id) => ended.has(id));
  });
}

/** The promise that what was acknowledged completed once, and nothing else is there. */
export function completedOnceCheck(
  ids: readonly string[],
  tasks: readonly ObservedTask[],
): PromiseCheck {
  const once = new Set(tasks.filter(completedOnce).map(({ id }) => id));
  const done = ids.filter((id) => once.has(id)).length;
  const strangers = tasks.length - ids.length;
  const more = strangers === 0 ? "" : `, and ${strangers} more that were not acknowledged`;
  return {
    promise: `each of the ${ids.length} acknowledged tasks completed exactly once`,
    found: `${done} of ${ids.length}${more}`,
    held: done === ids.length && strangers === 0,
  };
}

/** The promise that Redis, the assignment table and the log say the same. */
export async function auditCheck(stage: Stage): Promise<PromiseCheck> {
  const find = (): Promise<number> => stage.mesh.client.contradictions();
  const count = await until("the mesh is audited", find, { signal: stage.signal });
  return {
    promise: "Redis, the assignment table and the log agree",
    found: count === 0 ? "no contradiction" : `${count} contradictions`,
    held: count === 0,
  };
}

function showProgress({ narration }: Stage, tasks: readonly ObservedTask[]): void {
  const running = new Map<string, number>();
  for (const { status, workerId } of tasks) {
    if (status !== "running" || workerId === null) continue;
    running.set(workerId, (running.get(workerId) ?? 0) + 1);
  }
  const nodes = [...running]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([id, count]) => `${id} runs ${count}`);
  narration.progress(tasks.filter(hasEnded).length, tasks.length, `ended  ${nodes.join("  ")}`);
}
