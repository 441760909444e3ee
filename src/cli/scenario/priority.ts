// Scenario: a backlog of normal tasks, then high ones. The high ones overtake all that wait, and within
// one priority they start in the order in which they were submitted.
import { ExitError } from "../exit.js";
import { firstFence, type ObservedTask } from "./observed-task.js";
import type { Outcome, PromiseCheck, Scenario, Stage } from "./scenario.js";
import type { NewTask } from "./scenario-client.js";
import { auditCheck, completedOnceCheck, tasksEnded, tasksUntil } from "./task-watch.js";

const NODES = 3;
/** One task at a time on each node, so that there is something to wait for. */
const CONCURRENCY = 1;
/** Of four tasks one is high. */
const HIGH_SHARE = 0.25;

export const priority: Scenario = {
  shape: () => ({ nodes: NODES, concurrency: CONCURRENCY }),

  async play(stage: Stage): Promise<Outcome> {
    const { mesh, narration, sizes } = stage;
    const highCount = Math.max(1, Math.round(sizes.tasks * HIGH_SHARE));
    const normalCount = sizes.tasks - highCount;
    const task = { type: "sleep", data: { ms: sizes.taskMs } } as const;
    const submit = (count: number, level: "high" | "normal"): Promise<readonly string[]> =>
      mesh.client.submitAll(
        Array.from({ length: count }, (): NewTask => ({ ...task, priority: level })),
      );

    narration.say(
      `${normalCount} normal tasks of ${sizes.taskMs} ms are submitted; ${NODES} may run at a time`,
    );
    const normal = await submit(normalCount, "normal");
    await tasksUntil(stage, "some of them run", (tasks) =>
      tasks.some(({ status }) => status === "completed"),
    );
    const high = await submit(highCount, "high");
    const acknowledgedAtMs = Date.now();
    narration.say(`${highCount} high ones are submitted behind them`);

    const ids = [...normal, ...high];
    const tasks = await tasksEnded(stage, ids);
    const order = startOrder(tasks);
    const firstHigh = order.findIndex(({ id }) => high.includes(id));
    const lastHigh = order.findLastIndex(({ id }) => high.includes(id));
    const overtaken = order.slice(lastHigh + 1).length;
    narration.say(
      `of ${ids.length} that started, the high ones were number ${firstHigh + 1} to ${lastHigh + 1}: ` +
        `they overtook ${overtaken} normal ones`,
    );
    if (overtaken === 0 && firstHigh === normalCount) {
      throw new ExitError(
        "the normal tasks had all started before the high ones came: try again with a larger --task-ms",
      );
    }
    return {
      figures: [
        { key: "normalTasks", label: "normal tasks", value: normalCount },
        { key: "highTasks", label: "high tasks, submitted last", value: highCount },
        {
          key: "firstHighPosition",
          label: "first high one started as number",
          value: firstHigh + 1,
        },
        { key: "lastHighPosition", label: "last high one started as number", value: lastHigh + 1 },
        { key: "overtakenTasks", label: "normal ones overtaken", value: overtaken },
      ],
      promises: [
        overtakingCheck(order.slice(0, lastHigh), new Set(normal), firstHigh, acknowledgedAtMs),
        fifoCheck("high", high, order),
        fifoCheck("normal", normal, order),
        completedOnceCheck(ids, tasks),
        await auditCheck(stage),
      ],
    };
  },
};

/** By the log index of the first assignment; those of one log entry started together. */
function startOrder(tasks: readonly ObservedTask[]): readonly ObservedTask[] {
  return [...tasks].sort((a, b) => (firstFence(a) ?? 0) - (firstFence(b) ?? 0));
}

/** What started ahead of a high task that was already acknowledged broke the promise. */
export function overtakingCheck(
  ahead: readonly ObservedTask[],
  normal: ReadonlySet<string>,
  firstHigh: number,
  acknowledgedAtMs: number,
): PromiseCheck {
  // A task is assigned a moment before its handler starts.
  const latestMs = acknowledgedAtMs + ASSIGNED_TO_STARTED_MS;
  const late = ahead.filter(
    ({ id, history }, position) =>
      normal.has(id) && (position > firstHigh || (history[0]?.startedAt ?? 0) > latestMs),
  );
  return {
    promise: "no normal task starts while a high one waits",
    found: late.length === 0 ? "none did" : `${late.length} did`,
    held: late.length === 0,
  };
}

/** Generous: what is looked for are tasks that start a whole round too early. */
const ASSIGNED_TO_STARTED_MS = 250;

/** Whether tasks of one priority started in the order in which they were submitted. */
export function fifoCheck(
  level: string,
  submitted: readonly string[],
  order: readonly ObservedTask[],
): PromiseCheck {
  const fences = new Map(order.map((task) => [task.id, firstFence(task) ?? 0]));
  const fenceOf = (id: string | undefined): number => fences.get(id ?? "") ?? 0;
  const early = submitted.filter((id, index) => fenceOf(id) < fenceOf(submitted[index - 1]));
  return {
    promise: `${level} tasks start in the order in which they were submitted`,
    found: early.length === 0 ? `all ${submitted.length} did` : `${early.length} did not`,
    held: early.length === 0,
  };
}
