// Scenario: Redis is killed and stays away for a while under steady submissions. None is refused for it,
// tasks go on running, and Redis is brought back to the truth afterwards.
import { setTimeout as sleep } from "node:timers/promises";
import type { Figure, Outcome, Scenario, Stage } from "./scenario.js";
import { quantile } from "./statistics.js";
import { type Acknowledgement, SteadySubmitter } from "./steady-submitter.js";
import { auditCheck, completedOnceCheck, tasksEnded } from "./task-watch.js";
import { until } from "./until.js";

const TASK_MS = 100;
/** Submissions before the outage and after it. */
const AROUND_MS = 2_000;

export const redisOutage: Scenario = {
  shape: () => ({ nodes: 3 }),

  async play(stage: Stage): Promise<Outcome> {
    const { mesh, narration, sizes, signal } = stage;
    const task = { type: "sleep", data: { ms: TASK_MS } } as const;
    const submitter = new SteadySubmitter(mesh.client, task, 1_000 / sizes.rate);
    const stopped = (): void => void submitter.stop();
    signal.addEventListener("abort", stopped, { once: true });
    narration.say(`${sizes.rate} tasks of ${TASK_MS} ms each are submitted in a second`);
    submitter.start();
    await sleep(AROUND_MS, undefined, { signal });

    await mesh.killRedis();
    const goneAtMs = Date.now();
    narration.say(`kill -9 of Redis, for ${sizes.forMs / 1_000} s`);
    await watchOutage(stage, submitter, goneAtMs);
    narration.say("Redis is started again with the data that it had");
    const startedAtMs = Date.now();
    await mesh.reviveRedis();
    const backAtMs = Date.now();
    const { commitIndex } = await until("the mesh says where it is", () => mesh.client.cluster(), {
      signal,
    });
    const caughtUp = async (): Promise<true | undefined> => {
      const { redis, redisAppliedIndex } = await mesh.client.cluster();
      return (redis.connected && redisAppliedIndex >= commitIndex) || undefined;
    };
    await until("Redis reflects the log again", caughtUp, { signal });
    const inStepMs = Date.now() - backAtMs;
    narration.say(
      `Redis answers after ${backAtMs - startedAtMs} ms, and reflects the log again ${inStepMs} ms later`,
    );
    await sleep(AROUND_MS, undefined, { signal });
    await submitter.stop();

    const ids = submitter.acknowledged.map(({ id }) => id);
    const tasks = await tasksEnded(stage, ids);
    narration.say("every task has ended");
    const during = submitter.sentIn(goneAtMs, backAtMs);
    const completedDuring = tasks.filter(
      ({ finishedAt = 0 }) => finishedAt >= goneAtMs && finishedAt < backAtMs,
    ).length;
    return {
      figures: [
        { key: "outageMs", label: "Redis was away for", value: backAtMs - goneAtMs, unit: "ms" },
        { key: "acknowledged", label: "tasks acknowledged in all", value: ids.length },
        {
          key: "acknowledgedDuring",
          label: "… submitted while Redis was away",
          value: during.length,
        },
        {
          key: "acknowledgedPerSecond",
          label: "… of them in a second",
          value: Math.round((during.length * 1_000) / (backAtMs - goneAtMs)),
        },
        {
          key: "completedDuring",
          label: "tasks completed while Redis was away",
          value: completedDuring,
        },
        ...answerFigures(during),
        { key: "refused", label: "submissions refused", value: submitter.refusals.length },
        {
          key: "caughtUpMs",
          label: "Redis reflects the log again after",
          value: inStepMs,
          unit: "ms",
        },
      ],
      promises: [
        {
          promise: "no submission is refused because Redis is away",
          found: submitter.refusals[0] ?? "none was",
          held: submitter.refusals.length === 0,
        },
        {
          promise: "tasks go on being completed while Redis is away",
          found: `${completedDuring} were`,
          held: completedDuring > 0,
        },
        completedOnceCheck(ids, tasks),
        await auditCheck(stage),
      ],
    };
  },
};

function answerFigures(during: readonly Acknowledgement[]): readonly Figure[] {
  const took = during.map(({ tookMs }) => tookMs);
  const label = "answer while Redis was away";
  return [
    { key: "ackMedianMs", label: `${label} (median)`, value: quantile(took, 0.5), unit: "ms" },
    { key: "ackP99Ms", label: `${label} (99 %)`, value: quantile(took, 0.99), unit: "ms" },
  ];
}

async function watchOutage(
  { narration, sizes, signal }: Stage,
  submitter: SteadySubmitter,
  goneAtMs: number,
): Promise<void> {
  const before = submitter.acknowledged.length;
  for (;;) {
    const leftMs = goneAtMs + sizes.forMs - Date.now();
    if (leftMs <= 0) break;
    await sleep(Math.min(leftMs, 200), undefined, { signal });
    const seconds = Math.round((Date.now() - goneAtMs) / 1_000);
    const text = `s without Redis; ${submitter.acknowledged.length - before} submissions acknowledged`;
    narration.progress(seconds, Math.round(sizes.forMs / 1_000), text);
  }
  narration.say(
    `${submitter.acknowledged.length - before} submissions were acknowledged meanwhile`,
  );
}
