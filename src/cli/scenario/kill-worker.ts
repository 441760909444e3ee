// Scenario: a node is killed while it runs tasks. The others run them, soon, and each completes once.
import { ExitError } from "../exit.js";
import type { ObservedTask } from "./observed-task.js";
import type { Outcome, Scenario, Stage } from "./scenario.js";
import { median } from "./statistics.js";
import { auditCheck, completedOnceCheck, tasksEnded, tasksUntil } from "./task-watch.js";

/** What is promised of an idle machine at default settings: a lease of 0.6 s and its margin. */
const PROMISED_MS = 1_500;
/** Past this the promise is broken on a busy machine, too. */
const BOUND_MS = 5_000;

interface Move {
  readonly to: string;
  readonly afterMs: number;
}

export const killWorker: Scenario = {
  shape: () => ({ nodes: 3 }),

  async play(stage: Stage): Promise<Outcome> {
    const { mesh, narration, sizes } = stage;
    narration.say(`${sizes.tasks} tasks are submitted that take ${sizes.taskMs} ms each`);
    const task = { type: "sleep", data: { ms: sizes.taskMs } } as const;
    const ids = await mesh.client.submitAll(Array.from({ length: sizes.tasks }, () => task));
    const started = await tasksUntil(stage, "every task has started", (tasks) =>
      tasks.every(({ startedAt }) => startedAt !== undefined),
    );
    const victim = await chooseVictim(stage, started);
    const killedAtMs = mesh.killNode(victim.id);
    narration.say(`kill -9 ${victim.id}, which runs ${victim.running} of them`);

    const tasks = await tasksEnded(stage, ids);
    const moves = tasks.flatMap((one) => movesAway(one, victim.id, killedAtMs));
    if (moves.length === 0) {
      throw new ExitError(
        `${victim.id} had finished its tasks before it was killed: try again with a larger --task-ms`,
      );
    }
    const times = moves.map(({ afterMs }) => afterMs);
    const slowestMs = Math.max(...times);
    const medianMs = median(times);
    narration.say(
      `its ${moves.length} tasks were redistributed in ${medianMs} ms (median; slowest ${slowestMs} ms): ${placesOf(moves)}`,
    );
    narration.say("every task has ended");
    return {
      figures: [
        { key: "tasks", label: "tasks", value: ids.length },
        { key: "lostTasks", label: "of them lost with the node", value: moves.length },
        figureMs("redistributedMedianMs", "redistributed in (median)", medianMs),
        figureMs("redistributedMaxMs", "redistributed in (slowest)", slowestMs),
      ],
      promises: [
        completedOnceCheck(ids, tasks),
        {
          promise: `its tasks start elsewhere within ${PROMISED_MS} ms (median; on a busy machine ${BOUND_MS} ms)`,
          found: `${medianMs} ms`,
          held: medianMs <= BOUND_MS,
        },
        await auditCheck(stage),
      ],
    };
  },
};

function figureMs(key: string, label: string, value: number) {
  return { key, label, value, unit: "ms" };
}

/** The follower that runs most; the leader's end would be another experiment. */
async function chooseVictim(
  { mesh }: Stage,
  tasks: readonly ObservedTask[],
): Promise<{ readonly id: string; readonly running: number }> {
  const followers = (await mesh.client.workers()).filter(({ role }) => role === "follower");
  const [most] = followers
    .map(({ id }) => ({
      id,
      running: tasks.filter(({ status, workerId }) => status === "running" && workerId === id)
        .length,
    }))
    .sort((a, b) => b.running - a.running);
  if (most === undefined || most.running === 0) {
    throw new ExitError("no follower runs a task: try again with a larger --task-ms");
  }
  return most;
}

function movesAway({ history }: ObservedTask, from: string, killedAtMs: number): Move[] {
  const lost = history.findIndex(
    ({ outcome, workerId }) => outcome === "lost" && workerId === from,
  );
  const next = lost < 0 ? undefined : history[lost + 1];
  if (next?.startedAt === undefined || next.workerId === null) return [];
  return [{ to: next.workerId, afterMs: next.startedAt - killedAtMs }];
}

function placesOf(moves: readonly Move[]): string {
  const nodes = [...new Set(moves.map(({ to }) => to))].sort();
  return nodes.map((id) => `${id} ran ${moves.filter(({ to }) => to === id).length}`).join(", ");
}
