// A mesh of processes under steady load, hurt at random for a while, healed, and held to its promises:
// each acknowledged task reached exactly one end, none is lost, and no two handlers had one at a time.
import { setTimeout as pause } from "node:timers/promises";
import { Prng } from "../simulation/prng.js";
import { byPlace, EventClient } from "../support/event-client.js";
import { Journal, journalHandlers } from "../support/journal.js";
import type { TaskView } from "../support/mesh-http.js";
import { MeshProcess } from "../support/mesh-process.js";
import { waitFor } from "../support/wait-for.js";
import { type Fault, FaultRefused, FAULTS, Hurting, LOSING } from "./faults.js";
import { Journaled, type Violation } from "./journal-check.js";
import { QUEUE, SteadyLoad } from "./steady-load.js";

/** Longest pause between two faults. */
const MAX_PAUSE_MS = 2_500;
const HEAL_MS = 120_000;

export interface TortureOptions {
  readonly seed: number;
  readonly durationMs: number;
  readonly nodes: number;
  readonly perSecond: number;
  /** Default: all there are. */
  readonly faults?: readonly Fault[];
  /** Told as it goes. */
  readonly say: (line: string) => void;
}

export interface TortureReport {
  readonly acknowledged: number;
  readonly refused: Readonly<Record<string, number>>;
  readonly faults: Readonly<Record<string, number>>;
  /** How long after the last fault all was done, in milliseconds. */
  readonly healedMs: number;
  /** What was promised and not kept, a line each. */
  readonly violations: readonly Violation[];
  /** What the handlers of a task wrote down, a line each. */
  readonly story: (id: string) => readonly string[];
}

export async function torture(options: TortureOptions): Promise<TortureReport> {
  const { seed, durationMs, say, faults = FAULTS } = options;
  const random = new Prng(seed);
  const journal = new Journal();
  const mesh = await MeshProcess.start({
    config: {
      nodes: { count: options.nodes },
      worker: { handlers: journalHandlers },
      chaos: { enabled: true },
      retention: { completed: { maxCount: 1_000_000 } },
      events: { maxEntries: 1_000_000 },
    },
    env: { JOURNAL_FOLDER: journal.folder },
  });
  const client = new EventClient(`${mesh.http.url}/events?queue=${QUEUE}&only=task`);
  try {
    await waitFor("the events are open", () => client.isOpen);
    const load = new SteadyLoad(mesh.http, random, options.perSecond);
    const ids = Array.from({ length: options.nodes }, (_, at) => `n${at + 1}`);
    const hurting = new Hurting(mesh, ids, random);
    load.start();
    const endsAtMs = performance.now() + durationMs;
    while (performance.now() < endsAtMs) {
      await pause(random.below(MAX_PAUSE_MS));
      const fault = faults[random.below(faults.length)] ?? "kill-node";
      say(`${load.acknowledged.size} acknowledged, ${client.told.length} changes told: ${fault}`);
      // One that finds what it would hurt gone already has been outrun by another.
      await hurting.hurt(fault).catch((error: unknown) => {
        if (error instanceof FaultRefused) throw error;
        say(`${fault}: ${String(error)}`);
      });
    }
    const healedFromMs = performance.now();
    await load.stop();
    say(`${load.acknowledged.size} acknowledged; now it may heal`);
    const records = await allEnded(mesh, load.acknowledged);
    const healedMs = performance.now() - healedFromMs;
    const lossy = Object.keys(hurting.done).some((fault) => LOSING.has(fault as Fault));
    const { contradictions } = await mesh.http.expectOk<{
      readonly contradictions: readonly { readonly taskId: string | null; readonly text: string }[];
    }>("POST", "/cluster/verify");
    const journaled = new Journaled(journal.lines());
    return {
      acknowledged: load.acknowledged.size,
      refused: load.refused,
      faults: hurting.done,
      healedMs,
      violations: [
        ...lost(load.acknowledged, records, journaled, client, lossy),
        ...twice(records, client),
        ...journaled.overlaps(hurting.killedNs, hurting.frozen),
        ...contradictions.map(({ taskId, text }) => ({ id: taskId ?? "log", what: text })),
      ],
      story: (id) => journaled.story(id),
    };
  } finally {
    client.close();
    await mesh.close();
    journal.remove();
  }
}

/** Waits until nothing waits or runs any more; resolves with the records of what has ended. */
async function allEnded(
  mesh: MeshProcess,
  acknowledged: ReadonlySet<string>,
): Promise<ReadonlyMap<string, TaskView>> {
  await waitFor(
    `${acknowledged.size} tasks have ended`,
    async () => {
      const { pending, running, scheduled } = await mesh.http.counts();
      if (pending + running + scheduled > 0) {
        throw new Error(`${pending} pending, ${running} running, ${scheduled} scheduled`);
      }
      const { redis } = await mesh.http.cluster();
      return redis.connected;
    },
    HEAL_MS,
  );
  const records = await mesh.http.tasksOf(QUEUE);
  return new Map(records.map((record) => [record.id, record]));
}

/** Acknowledged tasks that did not reach the end that they should have. */
function lost(
  acknowledged: ReadonlySet<string>,
  records: ReadonlyMap<string, TaskView>,
  journaled: Journaled,
  client: EventClient,
  lossy: boolean,
): Violation[] {
  const told = new Set(client.told.flatMap(({ id, status }) => (status === "completed" ? id : [])));
  const found: Violation[] = [];
  for (const id of acknowledged) {
    const record = records.get(id);
    if (record?.status === "completed") continue;
    // The record of what has ended is Redis's alone: with it the end is forgotten, not the task.
    if (record === undefined && lossy && (told.has(id) || journaled.hasEnded(id))) continue;
    found.push({ id, what: `acknowledged, and ${record?.status ?? "nowhere to be found"}` });
  }
  return found;
}

/** Tasks with more than one end, or whose changes were told twice or out of order. */
function twice(records: ReadonlyMap<string, TaskView>, client: EventClient): Violation[] {
  const found: Violation[] = [];
  for (const { id, history } of records.values()) {
    const ends = history.filter(({ outcome }) => outcome === "completed").length;
    if (ends > 1) found.push({ id, what: `completed ${ends} times` });
  }
  const ends = new Map<string, number>();
  client.told.forEach(({ id, status, at }, position) => {
    if (status === "completed") ends.set(id, (ends.get(id) ?? 0) + 1);
    const before = client.told[position - 1];
    if (before !== undefined && byPlace(before.at, at) >= 0) {
      found.push({ id, what: `the change at ${at} was told after that at ${before.at}` });
    }
  });
  for (const [id, count] of ends) {
    if (count > 1) found.push({ id, what: `told as completed ${count} times` });
  }
  return found;
}
