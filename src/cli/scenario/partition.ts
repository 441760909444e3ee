// Scenario: the leader is cut off from the others under steady submissions. The majority elects another
// and goes on, the old one refuses, and after the heal all agree again with nothing lost or done twice.
import { setTimeout as sleep } from "node:timers/promises";
import { clusterSeenBy, type NodeSight, refusalOf } from "./node-call.js";
import type { Outcome, Scenario, Stage } from "./scenario.js";
import { SteadySubmitter } from "./steady-submitter.js";
import { auditCheck, completedOnceCheck, tasksEnded } from "./task-watch.js";
import { until } from "./until.js";

const NODES = ["n1", "n2", "n3"] as const;
const EVERY_MS = 50;
const TASK_MS = 500;
/** Submissions before the cut and after the heal. */
const AROUND_MS = 2_000;
/** The cut heals by itself so much later than it is healed here, should this process be gone. */
const HEALS_ITSELF_AFTER_MS = 60_000;

/** What was seen between the cut and the heal. */
interface Cut {
  readonly old: string;
  readonly oldTerm: number;
  readonly atMs: number;
  readonly leader: NodeSight;
  readonly newLeaderMs: number;
  /** Why the old leader refused a task; undefined where it took it. */
  readonly refusal: string | undefined;
}

export const partition: Scenario = {
  shape: () => ({ nodes: NODES.length, chaos: true }),

  async play(stage: Stage): Promise<Outcome> {
    const { mesh, narration, sizes, signal } = stage;
    const task = { type: "sleep", data: { ms: TASK_MS } } as const;
    const submitter = new SteadySubmitter(mesh.client, task, EVERY_MS);
    signal.addEventListener("abort", () => void submitter.stop(), { once: true });
    narration.say(`a task of ${TASK_MS} ms is submitted every ${EVERY_MS} ms`);
    submitter.start();
    await sleep(AROUND_MS, undefined, { signal });

    const cut = await cutLeaderOff(stage);
    await lastUntil(stage, submitter, cut.atMs + sizes.forMs);
    const during = submitter.sentIn(cut.atMs, Date.now());
    await mesh.client.heal();
    const healedAtMs = Date.now();
    narration.say("the links are healed");
    const agreed = await until("all nodes agree", () => agreement(stage), { signal });
    const agreedMs = Date.now() - healedAtMs;
    narration.say(
      `after ${agreedMs} ms all agree that ${agreed.leaderId} leads, in term ${agreed.term}, with one log`,
    );
    await sleep(AROUND_MS, undefined, { signal });
    await submitter.stop();
    const ids = submitter.acknowledged.map(({ id }) => id);
    const tasks = await tasksEnded(stage, ids);
    narration.say("every task has ended");
    const moved = tasks.filter(({ history }) => history.some(({ outcome }) => outcome === "lost"));
    const longestMs = Math.max(0, ...during.map(({ tookMs }) => tookMs));
    return {
      figures: [
        { key: "cutMs", label: "cut for", value: healedAtMs - cut.atMs, unit: "ms" },
        { key: "newLeaderMs", label: "new leader after", value: cut.newLeaderMs, unit: "ms" },
        { key: "longestAckMs", label: "longest answer meanwhile", value: longestMs, unit: "ms" },
        { key: "acknowledgedDuring", label: "tasks acknowledged meanwhile", value: during.length },
        { key: "refused", label: "submissions refused", value: submitter.refusals.length },
        { key: "movedTasks", label: "tasks that ran elsewhere instead", value: moved.length },
        { key: "agreedMs", label: "all agree after the heal in", value: agreedMs, unit: "ms" },
        { key: "acknowledged", label: "tasks acknowledged in all", value: ids.length },
      ],
      promises: [
        {
          promise: "the majority has a leader of its own in a later term",
          found: `${cut.leader.leaderId} in term ${cut.leader.term}, after ${cut.old} in term ${cut.oldTerm}`,
          held: cut.leader.leaderId !== cut.old && cut.leader.term > cut.oldTerm,
        },
        {
          promise: "the old leader acknowledges nothing",
          found: cut.refusal ?? `${cut.old} took a task`,
          held: cut.refusal !== undefined,
        },
        {
          promise: "submissions go on being acknowledged",
          found: `${during.length} were, ${submitter.refusals[0] ?? "none refused"}`,
          held: during.some(({ sentAtMs }) => sentAtMs > cut.atMs + cut.newLeaderMs),
        },
        completedOnceCheck(ids, tasks),
        await auditCheck(stage),
      ],
    };
  },
};

/** Cuts the leader off and waits until the others have a leader. */
async function cutLeaderOff({ mesh, narration, sizes, signal }: Stage): Promise<Cut> {
  const { id: old, term: oldTerm } = await until(
    "there is a leader",
    async () => (await mesh.client.cluster()).leader ?? undefined,
    { signal },
  );
  const others = NODES.filter((id) => id !== old);
  const forMs = sizes.forMs + HEALS_ITSELF_AFTER_MS;
  await Promise.all(others.map((other) => mesh.client.cut(old, other, forMs)));
  const atMs = Date.now();
  narration.say(`${old}, the leader of term ${oldTerm}, is cut off from ${others.join(" and ")}`);
  const leader = await until(
    "the majority elects a leader",
    async () => {
      const sights = await Promise.all(others.map((id) => clusterSeenBy(mesh.addressOf(id))));
      return sights.find(
        ({ leaderId, term }) => leaderId !== old && leaderId !== "" && term > oldTerm,
      );
    },
    { signal },
  );
  const newLeaderMs = Date.now() - atMs;
  narration.say(
    `${leader.leaderId} leads the majority in term ${leader.term}, after ${newLeaderMs} ms`,
  );
  const refusal = await refusalOf(mesh.addressOf(old));
  narration.say(`${old} is given a task: ${refusal ?? "it takes it!"}`);
  return { old, oldTerm, atMs, leader, newLeaderMs, refusal };
}

async function lastUntil(
  { narration, sizes, signal }: Stage,
  submitter: SteadySubmitter,
  untilMs: number,
): Promise<void> {
  const seconds = Math.round(sizes.forMs / 1_000);
  for (;;) {
    const leftMs = untilMs - Date.now();
    if (leftMs <= 0) return;
    await sleep(Math.min(leftMs, 200), undefined, { signal });
    const passed = seconds - Math.max(0, Math.round((untilMs - Date.now()) / 1_000));
    narration.progress(
      passed,
      seconds,
      `s cut; ${submitter.acknowledged.length} tasks acknowledged`,
    );
  }
}

/** What all nodes agree on: leader, term, and a log that reaches as far as the leader's did. */
async function agreement({ mesh }: Stage): Promise<NodeSight | undefined> {
  const sights = await Promise.all(NODES.map((id) => clusterSeenBy(mesh.addressOf(id))));
  const leader = sights.find(({ nodeId, leaderId }) => nodeId === leaderId);
  if (leader === undefined) return undefined;
  const again = await Promise.all(NODES.map((id) => clusterSeenBy(mesh.addressOf(id))));
  const agree = again.every(
    ({ leaderId, term, appliedIndex }) =>
      leaderId === leader.leaderId && term === leader.term && appliedIndex >= leader.commitIndex,
  );
  return agree ? leader : undefined;
}
