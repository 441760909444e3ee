// Scenario: every node is stopped gently and started again, one after the other, under steady
// submissions. None is refused, and what a client notices is a wait while the leadership goes on.
import { setTimeout as sleep } from "node:timers/promises";
import { nodesAtWork } from "./nodes-at-work.js";
import type { Outcome, Scenario, Stage } from "./scenario.js";
import { median, perSecond } from "./statistics.js";
import { SteadySubmitter } from "./steady-submitter.js";
import { auditCheck, completedOnceCheck, tasksEnded } from "./task-watch.js";
import { until } from "./until.js";

const NODES = 3;
/** Submissions before the first restart and after the last. */
const AROUND_MS = 2_000;
/** What is promised of the longest wait at a handover, in the median. */
const PROMISED_WAIT_MS = 300;
/** A machine may be busy with other things; past this it is not that. */
const BUSY_WAIT_MS = 5_000;

interface Restart {
  readonly fromMs: number;
  readonly toMs: number;
  readonly ledBefore: boolean;
}

export const rollingRestart: Scenario = {
  shape: () => ({ nodes: NODES }),

  async play(stage: Stage): Promise<Outcome> {
    const { mesh, narration, sizes, signal } = stage;
    const task = { type: "sleep", data: { ms: sizes.taskMs } } as const;
    const submitter = new SteadySubmitter(mesh.client, task, 1_000 / sizes.rate);
    signal.addEventListener("abort", () => void submitter.stop(), { once: true });
    narration.say(`${sizes.rate} tasks of ${sizes.taskMs} ms are submitted a second`);
    submitter.start();
    const startedAtMs = Date.now();
    await sleep(AROUND_MS, undefined, { signal });

    const restarts: Restart[] = [];
    for (let turn = 0; turn < NODES * sizes.rounds; turn += 1) {
      restarts.push(await restart(stage, submitter, `n${1 + (turn % NODES)}`));
    }
    await sleep(AROUND_MS, undefined, { signal });
    const submittedForMs = Date.now() - startedAtMs;
    await submitter.stop();

    const ids = submitter.acknowledged.map(({ id }) => id);
    const tasks = await tasksEnded(stage, ids);
    narration.say("every task has ended");
    const handovers = restarts.filter(({ ledBefore }) => ledBefore);
    const waits = handovers.map((one) => longestWaitMs(submitter, one));
    const medianMs = median(waits);
    const others = restarts.filter(({ ledBefore }) => !ledBefore);
    return {
      figures: [
        { key: "restarts", label: "nodes restarted", value: restarts.length },
        { key: "handovers", label: "… that led", value: handovers.length },
        { key: "acknowledged", label: "tasks acknowledged in all", value: ids.length },
        {
          key: "submissionsPerSecond",
          label: "acknowledged a second",
          value: perSecond(ids.length, submittedForMs),
          unit: "1/s",
        },
        { key: "refused", label: "submissions refused", value: submitter.refusals.length },
        {
          key: "handoverWaitMedianMs",
          label: "longest wait for an answer while a leader was restarted (median)",
          value: medianMs,
          unit: "ms",
        },
        {
          key: "handoverWaitMaxMs",
          label: "… (slowest)",
          value: Math.max(...waits),
          unit: "ms",
        },
        {
          key: "followerWaitMaxMs",
          label: "longest wait while a follower was restarted",
          value: Math.max(0, ...others.map((one) => longestWaitMs(submitter, one))),
          unit: "ms",
        },
      ],
      promises: [
        {
          promise: "no submission is refused",
          found: submitter.refusals[0] ?? "none was",
          held: submitter.refusals.length === 0,
        },
        {
          promise:
            `no submission waits for longer than a handover takes (median ${PROMISED_WAIT_MS} ms; ` +
            `on a busy machine ${BUSY_WAIT_MS} ms)`,
          found: `${medianMs} ms`,
          held: medianMs <= BUSY_WAIT_MS,
        },
        completedOnceCheck(ids, tasks),
        await auditCheck(stage),
      ],
    };
  },
};

async function restart(
  { mesh, narration, signal }: Stage,
  submitter: SteadySubmitter,
  id: string,
): Promise<Restart> {
  const leads = async (): Promise<string | undefined> => (await mesh.client.cluster()).leader?.id;
  const leader = await until("there is a leader", leads, { signal });
  const fromMs = Date.now();
  await mesh.restartNode(id);
  await nodesAtWork(mesh.client, NODES, { signal });
  const restarted = { fromMs, toMs: Date.now(), ledBefore: leader === id };
  narration.say(
    `${id}${leader === id ? ", the leader," : ""} was stopped and is back after ` +
      `${restarted.toMs - fromMs} ms; no submission waited longer than ` +
      `${longestWaitMs(submitter, restarted)} ms`,
  );
  return restarted;
}

function longestWaitMs(submitter: SteadySubmitter, { fromMs, toMs }: Restart): number {
  return Math.max(0, ...submitter.sentIn(fromMs, toMs).map(({ tookMs }) => tookMs));
}
