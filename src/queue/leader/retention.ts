// Keeps what has ended within its bounds of age and count: looks now and then, and while something
// is past them proposes its removal, a bounded number of tasks an entry.
import type { ExpireRule } from "../../gen/mesh/v1/command.js";
import { TaskStatus } from "../../gen/mesh/v1/task.js";
import type { EndedTasks } from "../redis/reader.js";
import type { EntryProposer } from "./entry-proposer.js";

/** Time between two looks. What has ended is kept at most this much longer than asked for. */
const LOOK_MS = 1_000;
/** Removed by one entry: some milliseconds of Redis's time. */
const MAX_EXPIRED_PER_ENTRY = 1_000;

export interface RetentionBounds {
  readonly maxAgeMs: number;
  readonly maxCount: number;
}

export interface RetentionSettings {
  readonly completed: RetentionBounds;
  readonly dead: RetentionBounds;
  readonly cancelled: RetentionBounds;
}

export interface RetentionReader {
  /** What `read` reads; rejects where what answers does not reflect the log up to `index`. */
  reflecting<T>(index: number, read: () => Promise<T>): Promise<T>;
  /** Rejects while Redis cannot tell. */
  ended(): Promise<readonly EndedTasks[]>;
}

export interface RetentionParts {
  readonly settings: RetentionSettings;
  readonly now: () => number;
  readonly reader: RetentionReader;
  readonly proposer: Pick<EntryProposer, "command">;
}

export class Retention {
  readonly #parts: RetentionParts;
  #timer: NodeJS.Timeout | undefined;
  /** Entry of the removal that Redis has not applied yet. */
  #awaited = 0;
  #reached = 0;
  #busy = false;
  #stopped = false;

  constructor(parts: RetentionParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#timer = setInterval(() => void this.#look(), LOOK_MS);
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
  }

  /** Redis reflects the log up to here: where a removal was part of it, there may be more to do. */
  redisReached(index: number): void {
    this.#reached = index;
    if (this.#awaited === 0 || index < this.#awaited) return;
    this.#awaited = 0;
    void this.#look();
  }

  async #look(): Promise<void> {
    if (this.#busy || this.#stopped || this.#awaited > 0) return;
    this.#busy = true;
    try {
      const { reader, proposer } = this.#parts;
      const ended = await reader.reflecting(this.#reached, () => reader.ended());
      const nowMs = this.#parts.now();
      const rules = rulesFor(ended, this.#parts.settings, nowMs);
      if (rules.length === 0 || this.#isStopped()) return;
      const value = { rules, limit: MAX_EXPIRED_PER_ENTRY };
      const index = await proposer.command({ $case: "expire", value });
      if (index > this.#reached) this.#awaited = index;
    } catch {
      // Redis is away, or the leader is closing: there is another look, here or at the next leader.
    } finally {
      this.#busy = false;
    }
  }

  /** Read again after each await: the leader may have closed meanwhile. */
  #isStopped(): boolean {
    return this.#stopped;
  }
}

/** The rules of those statuses that are past their bounds. */
export function rulesFor(
  ended: readonly EndedTasks[],
  settings: RetentionSettings,
  nowMs: number,
): ExpireRule[] {
  return ended.flatMap(({ status, count, oldestMs }) => {
    const bounds = boundsOf(status, settings);
    if (bounds === undefined || oldestMs === undefined) return [];
    const endedBeforeMs = nowMs - bounds.maxAgeMs;
    if (oldestMs >= endedBeforeMs && count <= bounds.maxCount) return [];
    return [{ status, endedBeforeMs, maxCount: bounds.maxCount }];
  });
}

function boundsOf(status: TaskStatus, settings: RetentionSettings): RetentionBounds | undefined {
  switch (status) {
    case TaskStatus.COMPLETED:
      return settings.completed;
    case TaskStatus.DEAD:
      return settings.dead;
    case TaskStatus.CANCELLED:
      return settings.cancelled;
    default:
      return undefined;
  }
}
