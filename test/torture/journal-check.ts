// What the handlers themselves have written down, held against the promise of one owner at a time.
import type { JournalLine } from "../support/journal.js";

/** One run of a handler. Times are of the machine's monotonic clock, in nanoseconds. */
interface Run {
  readonly fence: number;
  readonly pid: number;
  readonly startedNs: bigint;
  /** When it had ended, or was told to stop; undefined where its process was killed first. */
  stoppedNs: bigint | undefined;
  ended: boolean;
}

/** A time during which a process was frozen. */
export interface Frozen {
  readonly pid: number;
  readonly fromNs: bigint;
  readonly toNs: bigint;
}

/** A promise that was not kept for a task. */
export interface Violation {
  readonly id: string;
  readonly what: string;
}

export class Journaled {
  readonly #lines: readonly JournalLine[];
  readonly #runs = new Map<string, Run[]>();

  constructor(lines: readonly JournalLine[]) {
    this.#lines = lines;
    for (const line of lines) this.#take(line);
  }

  /** What the handlers of a task wrote down, in the order of time, in milliseconds from the first. */
  story(id: string): string[] {
    const lines = this.#lines.filter((line) => line.id === id);
    lines.sort((a, b) => Number(BigInt(a.atNs) - BigInt(b.atNs)));
    const firstNs = BigInt(lines[0]?.atNs ?? 0);
    return lines.map(({ event, pid, fence, attempt, atNs, reason = "" }) => {
      const ms = (Number(BigInt(atNs) - firstNs) / 1e6).toFixed(1).padStart(9);
      return `${ms} ms  process ${pid}  fence ${fence}  attempt ${attempt}  ${event} ${reason}`;
    });
  }

  /** Whether some run of the task came to its end. */
  hasEnded(id: string): boolean {
    return this.#runs.get(id)?.some(({ ended }) => ended) ?? false;
  }

  /**
   * Tasks that were given to a node when they had been completed.
   *
   * @param records of tasks, with the fence of the assignment that completed each
   */
  afterTheEnd(
    records: ReadonlyMap<string, { readonly status: string; readonly fence: number | null }>,
  ): Violation[] {
    return [...this.#runs].flatMap(([id, runs]) => {
      const { status, fence } = records.get(id) ?? { status: "", fence: null };
      if (status !== "completed" || fence === null) return [];
      const late = runs.filter((run) => run.fence > fence);
      return late.map((run) => ({
        id,
        what: `run ${run.fence} began, and run ${fence} had completed it`,
      }));
    });
  }

  /**
   * Tasks that two handlers had at one time. A frozen process is told to stop only when it goes on:
   * until then it does nothing, so that its run is no ownership.
   *
   * @param killedNs when a process was killed, by pid
   */
  overlaps(killedNs: ReadonlyMap<number, bigint>, frozen: readonly Frozen[]): Violation[] {
    const found: Violation[] = [];
    for (const [id, runs] of this.#runs) {
      const inOrder = [...runs].sort((a, b) => a.fence - b.fence);
      inOrder.forEach((run, at) => {
        const next = inOrder[at + 1];
        if (next === undefined) return;
        const stoppedNs = run.stoppedNs ?? killedNs.get(run.pid);
        if (stoppedNs !== undefined && stoppedNs <= next.startedNs) return;
        // It was begun before: what is begun after the freezing is begun by a process that can know better.
        const wasFrozen = frozen.some(
          ({ pid, fromNs, toNs }) =>
            pid === run.pid &&
            run.startedNs <= fromNs &&
            fromNs <= next.startedNs &&
            next.startedNs <= toNs,
        );
        if (wasFrozen) return;
        const lateMs = stoppedNs === undefined ? "?" : Number(stoppedNs - next.startedNs) / 1e6;
        found.push({
          id,
          what: `run ${run.fence} stopped ${lateMs} ms after run ${next.fence} began`,
        });
      });
    }
    return found;
  }

  #take({ event, id, fence, pid, atNs }: JournalLine): void {
    const runs = this.#runs.get(id) ?? [];
    this.#runs.set(id, runs);
    const run = runs.find((one) => one.fence === fence);
    if (event === "started") {
      runs.push({ fence, pid, startedNs: BigInt(atNs), stoppedNs: undefined, ended: false });
    } else if (run !== undefined) {
      run.stoppedNs ??= BigInt(atNs);
      if (event === "ended") run.ended = true;
    }
  }
}
