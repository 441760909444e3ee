// Starts many children a few at a time: each takes a core for a second or so, and as many at once as
// there are would all be late.
import { setTimeout as sleep } from "node:timers/promises";

/** How long a group may hold up the next: one that waits for a later one must not wait for ever. */
const PATIENCE_MS = 20_000;

/** A child, as its start is seen from here. */
export interface Startable {
  readonly name: string;
  /** Starts it and resolves when it is ready; rejects where it cannot be. */
  start(): Promise<void>;
  /** Whether it runs, which is before it is ready, and false where it has ended; waits until that is known. */
  running(): Promise<boolean>;
}

export interface GroupStart {
  /** Most that start at the same time. */
  readonly groupSize: number;
  /** As many start together at first; they need one another to become ready. */
  readonly firstGroup: number;
  /** Called before and after each group; what it throws ends the start. */
  readonly check: () => void;
  /** A group runs, or was waited for in vain, and more are to be started. */
  readonly onGroup: (progress: GroupProgress) => void;
  /** Default 20 s. */
  readonly patienceMs?: number;
}

export interface GroupProgress {
  /** Names, in order. */
  readonly group: readonly string[];
  /** Whether all of the group run. */
  readonly runs: boolean;
  /** Children started so far. */
  readonly started: number;
}

/** Resolves when all are ready; rejects as soon as one fails. */
export async function startInGroups(
  children: readonly Startable[],
  { groupSize, firstGroup, check, onGroup, patienceMs = PATIENCE_MS }: GroupStart,
): Promise<void> {
  const ready: Promise<void>[] = [];
  while (ready.length < children.length) {
    check();
    const size = ready.length === 0 ? firstGroup : groupSize;
    const group = children.slice(ready.length, ready.length + size);
    ready.push(...group.map((child) => child.start()));
    if (ready.length === children.length) break;
    const allReady = Promise.all(ready).then(() => true);
    const runs = await Promise.race([allRun(group, allReady), allReady, late(patienceMs)]);
    check();
    onGroup({ group: group.map(({ name }) => name), runs, started: ready.length });
  }
  await Promise.all(ready);
}

async function allRun(group: readonly Startable[], allReady: Promise<boolean>): Promise<boolean> {
  const running = await Promise.all(group.map((child) => child.running()));
  // The start of one that has ended fails, and says why.
  return running.every(Boolean) || allReady;
}

async function late(patienceMs: number): Promise<boolean> {
  await sleep(patienceMs, undefined, { ref: false });
  return false;
}
