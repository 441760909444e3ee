// A mesh of processes under steady load, hurt at random for a while, healed, and held to its promises:
// each acknowledged task reached exactly one end, none is lost, and no two handlers had one at a time.
import { setTimeout as pause } from "node:timers/promises";
import { Prng } from "../simulation/prng.js";
import { byPlace, EventClient } from "../support/event-client.js";
import { Journal, journalHandlers } from "../support/journal.js";
import type { TaskView } from "../support/mesh-http.js";
import { COMPACTING } from "../support/compacting.js";
import { MeshProcess } from "../support/mesh-process.js";
import { RedisGroup } from "../support/redis-group.js";
import { waitFor } from "../support/wait-for.js";
import { type Fault, FaultRefused, Hurting } from "./faults.js";
import { GroupRedis } from "./group-redis.js";
import { Journaled, type Violation } from "./journal-check.js";
import { OwnRedis } from "./own-redis.js";
import { type Failovers, isGroupFault } from "./redis-faults.js";
import { QUEUE, SteadyLoad } from "./steady-load.js";

/** Longest pause between two faults. */
const MAX_PAUSE_MS = 2_500;
const HEAL_MS = 120_000;

export interface TortureOptions {
  readonly seed: number;
  readonly durationMs: number;
  readonly nodes: number;
  readonly perSecond: number;
  /** Where one of them needs a group of Redis servers, there is one. */
  readonly faults: readonly Fault[];
  /** Told as it goes. */
  readonly say: (line: string) => void;
}

export interface TortureReport {
  readonly acknowledged: number;
  readonly refused: Readonly<Record<string, number>>;
  readonly faults: Readonly<Record<string, number>>;
  /** Of a group of Redis servers. */
  readonly failovers: Failovers | undefined;
  /** How long after the last fault all was done, in milliseconds. */
  readonly healedMs: number;
  /** What was promised and not kept, a line each. */
  readonly violations: readonly Violation[];
  /** What the handlers of a task wrote down, a line each. */
  readonly story: (id: string) => readonly string[];
}

export async function torture(options: TortureOptions): Promise<TortureReport> {
  const group = options.faults.some(isGroupFault) ? await RedisGroup.start() : undefined;
  try {
    return await tortureWith(group, options);
  } finally {
    await group?.stop();
  }
}

async function tortureWith(
  group: RedisGroup | undefined,
  { seed, durationMs, nodes, perSecond, faults, say }: TortureOptions,
): Promise<TortureReport> {
  const random = new Prng(seed);
  const journal = new Journal();
  // Where the log has let go of its beginning, a Redis that lost writes is restored from a snapshot.
  const raft = random.chance(0.5) ? COMPACTING : {};
  const mesh = await MeshProcess.start({
    nodes,
    config: {
      ...(group === undefined ? {} : { redis: group.settings }),
      raft,
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
    // Each draws from a stream of its own: how fast the load goes does not change the faults.
    const chance = random.fork("faults");
    const load = new SteadyLoad(mesh.http, random.fork("load"), perSecond);
    const redis = group === undefined ? new OwnRedis(mesh, chance) : new GroupRedis(group, chance);
    const hurting = new Hurting(mesh, redis, chance);
    load.start();
    const endsAtMs = performance.now() + durationMs;
    while (performance.now() < endsAtMs) {
      await pause(chance.below(MAX_PAUSE_MS));
      const fault = chance.pick(faults) ?? "kill-node";
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
    await redis.whole();
    const records = await allEnded(mesh, load.acknowledged);
    const healedMs = performance.now() - healedFromMs;
    const { contradictions } = await mesh.http.expectOk<{
      readonly contradictions: readonly { readonly taskId: string | null; readonly text: string }[];
    }>("POST", "/cluster/verify");
    const journaled = new Journaled(journal.lines());
    return {
      acknowledged: load.acknowledged.size,
      refused: load.refused,
      faults: hurting.done,
      failovers: await redis.failovers(),
      healedMs,
      violations: [
        ...lost(load.acknowledged, records, journaled, client, hurting.redisLost),
        ...twice(records, client),
        ...journaled.overlaps(hurting.killedNs, hurting.frozen),
        ...journaled.afterTheEnd(records),
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
