// Scenario: three nodes join two that have more to do than they can. Throughput rises, and nobody's task
// runs twice for it.
import { ExitError } from "../exit.js";
import { hasEnded, type ObservedTask } from "./observed-task.js";
import type { Outcome, PromiseCheck, Scenario, Stage } from "./scenario.js";
import { perSecond } from "./statistics.js";
import { auditCheck, completedOnceCheck, tasksEnded, tasksUntil } from "./task-watch.js";
import { until } from "./until.js";

const FOUNDERS = 2;
const JOINERS = 3;
/** The default of `nodes.voters`. */
const VOTERS = 3;
const CONCURRENCY = 2;
/** Tasks that have ended before others join: what there is to compare with. */
const ENDED_BEFORE = 6;
/** Rises that are smaller may be chance. */
const LEAST_RISE = 1.2;

export const scaleUp: Scenario = {
  shape: () => ({ nodes: FOUNDERS, spareNodes: JOINERS, concurrency: CONCURRENCY }),

  async play(stage: Stage): Promise<Outcome> {
    const { mesh, narration, sizes, signal } = stage;
    narration.say(
      `${sizes.tasks} tasks of ${sizes.taskMs} ms are submitted; a node runs ${CONCURRENCY} at a time`,
    );
    const task = { type: "sleep", data: { ms: sizes.taskMs } } as const;
    const ids = await mesh.client.submitAll(Array.from({ length: sizes.tasks }, () => task));
    await tasksUntil(stage, "some tasks end", (tasks) => {
      return tasks.filter(hasEnded).length >= Math.min(ENDED_BEFORE, sizes.tasks);
    });
    narration.say(`${JOINERS} more nodes are started`);
    const askedAtMs = Date.now();
    const joiners = await mesh.addNodes(JOINERS);
    narration.say(`${joiners.join(", ")} are ready`);
    const tasks = await tasksEnded(stage, ids);
    narration.say("every task has ended");
    const { before, after, joinedAtMs } = throughput(tasks, joiners);
    narration.say(`throughput before ${before} tasks/s, after ${after} tasks/s`);
    const voters = await until(
      `${VOTERS} of ${FOUNDERS + JOINERS} members vote`,
      async () => {
        const { members } = await mesh.client.cluster();
        const found = members.filter(({ voter }) => voter).length;
        return members.length === FOUNDERS + JOINERS && found === VOTERS ? found : undefined;
      },
      { signal },
    ).catch((error: unknown) => {
      if (error instanceof ExitError) return 0;
      throw error;
    });
    return {
      figures: [
        { key: "tasks", label: "tasks", value: ids.length },
        {
          key: "joinedMs",
          label: "first task on a new node after",
          value: joinedAtMs - askedAtMs,
          unit: "ms",
        },
        {
          key: "throughputBefore",
          label: `throughput of ${FOUNDERS} nodes`,
          value: before,
          unit: "tasks/s",
        },
        {
          key: "throughputAfter",
          label: `throughput of ${FOUNDERS + JOINERS} nodes`,
          value: after,
          unit: "tasks/s",
        },
        {
          key: "onNewNodes",
          label: "tasks that new nodes ran",
          value: ranOn(tasks, joiners).length,
        },
      ],
      promises: [
        {
          promise: `throughput rises (by more than chance: ${LEAST_RISE} times)`,
          found: `${(after / before).toFixed(2)} times`,
          held: after >= before * LEAST_RISE,
        },
        membersCheck(voters),
        completedOnceCheck(ids, tasks),
        await auditCheck(stage),
      ],
    };
  },
};

function membersCheck(voters: number): PromiseCheck {
  const learners = FOUNDERS + JOINERS - VOTERS;
  const held = voters === VOTERS;
  return {
    promise: `of ${FOUNDERS + JOINERS} nodes ${VOTERS} vote, ${learners} are learners`,
    found: held ? "so it is" : "it did not become so",
    held,
  };
}

function ranOn(tasks: readonly ObservedTask[], nodes: readonly string[]): readonly ObservedTask[] {
  return tasks.filter(({ workerId }) => workerId !== null && nodes.includes(workerId));
}

/**
 * Ends per second: before, from the first end to the first start on a new node; after, from when each
 * new node has ended one to when the backlog was empty.
 */
function throughput(tasks: readonly ObservedTask[], joiners: readonly string[]) {
  const ends = tasks.map(({ finishedAt = 0 }) => finishedAt);
  const starts = tasks.map(({ startedAt = 0 }) => startedAt);
  const onNew = joiners.map((id) => ranOn(tasks, [id]));
  if (onNew.some(({ length }) => length === 0)) {
    throw new ExitError(
      "the backlog was empty before all new nodes had work: try with more --tasks",
    );
  }
  const firstEndMs = Math.min(...ends);
  const joinedAtMs = Math.min(...onNew.flat().map(({ startedAt = 0 }) => startedAt));
  const fullMs = Math.max(
    ...onNew.map((ran) => Math.min(...ran.map(({ finishedAt = 0 }) => finishedAt))),
  );
  const emptyMs = Math.max(...starts);
  const endsIn = (fromMs: number, toMs: number): number =>
    ends.filter((atMs) => atMs > fromMs && atMs <= toMs).length;
  if (emptyMs <= fullMs) {
    throw new ExitError("the backlog was empty too soon to measure: try with more --tasks");
  }
  return {
    joinedAtMs,
    before: perSecond(endsIn(firstEndMs, joinedAtMs), joinedAtMs - firstEndMs),
    after: perSecond(endsIn(fullMs, emptyMs), emptyMs - fullMs),
  };
}
