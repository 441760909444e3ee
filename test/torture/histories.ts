// A mesh of processes whose nodes are killed and frozen while clients submit, read, cancel, retry and
// resubmit: what they were told must be explained by each call taking effect once, between its start and
// its end.
import { setTimeout as pause } from "node:timers/promises";
import { Prng } from "../simulation/prng.js";
import { COMPACTING } from "../support/compacting.js";
import { MeshProcess } from "../support/mesh-process.js";
import { waitFor } from "../support/wait-for.js";
import { type Fault, FaultRefused, Hurting } from "./faults.js";
import { type Life, LifeClients } from "./life-clients.js";
import { OwnRedis } from "./own-redis.js";
import { impossibleIn } from "./task-life.js";

/** What strikes nodes, and loses nothing that Redis alone knew. */
export const HISTORY_FAULTS = ["kill-node", "kill-leader", "freeze-node", "freeze-leader"] as const;

const MAX_PAUSE_MS = 2_500;
const HEAL_MS = 120_000;

export interface HistoriesOptions {
  readonly seed: number;
  readonly durationMs: number;
  readonly nodes: number;
  readonly clients: number;
  readonly faults: readonly Fault[];
  readonly say: (line: string) => void;
}

export interface HistoriesReport {
  readonly tasks: number;
  readonly calls: number;
  readonly faults: Readonly<Record<string, number>>;
  /**
   * Tasks of which no order of the calls explains the answers, a text of several lines each; and what
   * `taskmesh verify` finds.
   */
  readonly violations: readonly string[];
}

/** Runs one mesh for a while; resolves with what its clients cannot have been told. */
export async function histories(options: HistoriesOptions): Promise<HistoriesReport> {
  const { seed, durationMs, nodes, clients, faults, say } = options;
  const random = new Prng(seed);
  const raft = random.chance(0.5) ? COMPACTING : {};
  const mesh = await MeshProcess.start({
    nodes,
    config: { raft, retention: { completed: { maxCount: 1_000_000 } } },
  });
  try {
    const chance = random.fork("faults");
    const played = new LifeClients(mesh.http, random.fork("clients"));
    const hurting = new Hurting(mesh, new OwnRedis(mesh, chance), chance);
    played.start(clients);
    const endsAtMs = performance.now() + durationMs;
    while (performance.now() < endsAtMs) {
      await pause(chance.below(MAX_PAUSE_MS));
      const fault = chance.pick(faults) ?? "kill-node";
      say(`${played.lives.length} tasks, ${played.calls} calls: ${fault}`);
      await hurting.hurt(fault).catch((error: unknown) => {
        if (error instanceof FaultRefused) throw error;
        say(`${fault}: ${String(error)}`);
      });
    }
    await played.stop();
    await waitFor(
      "nothing waits or runs any more",
      async () => {
        const { pending, running, scheduled } = await mesh.http.counts();
        return pending + running + scheduled === 0;
      },
      HEAL_MS,
    );
    await played.lookAtAll();
    const { contradictions } = await mesh.http.expectOk<{
      readonly contradictions: readonly { readonly taskId: string | null; readonly text: string }[];
    }>("POST", "/cluster/verify");
    const told = contradictions.map(({ taskId, text }) => `verify: ${taskId ?? "log"} ${text}`);
    const violations = [...played.lives.flatMap(violationOf), ...told];
    return { tasks: played.lives.length, calls: played.calls, faults: hurting.done, violations };
  } finally {
    await mesh.close();
  }
}

function violationOf(life: Life): string[] {
  const stuckAt = impossibleIn(life.operations, life.endsAs);
  if (stuckAt === undefined && life.contradictions.length === 0) return [];
  const startMs = Math.min(...life.operations.map((one) => one.startMs));
  const lines = life.operations.map((one) => {
    const times = [one.startMs, one.endMs].map((ms) => (ms - startMs).toFixed(0).padStart(6));
    const states = one.outcome.kind === "seen" ? ` ${one.outcome.states.join("|")}` : "";
    const mark = one === stuckAt ? "   <- has no place" : "";
    return `  ${times.join(" to ")} ms  ${one.call} ${one.outcome.kind}${states}${mark}`;
  });
  const head = `task ${life.id ?? "?"}, which ends as ${life.endsAs}`;
  return [[head, ...lines, ...life.contradictions.map((text) => `  ${text}`)].join("\n")];
}
