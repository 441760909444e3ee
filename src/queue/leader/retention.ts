// Keeps what has ended within its bounds of age and count: looks now and then, and while something
// is past them proposes its removal, a bounded number of tasks an entry.
import type { ExpireCommand, ExpireRule } from "../../gen/mesh/v1/command.js";
import { TaskStatus } from "../../gen/mesh/v1/task.js";
import type { EndedTasks } from "../redis/reader.js";

/** How often is looked. What ends is kept that much longer than asked for, at most. */
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

export interface RetentionParts {
  readonly settings: RetentionSettings;
  readonly now: () => number;
  /** Rejects while Redis cannot tell. */
  readonly ended: () => Promise<readonly EndedTasks[]>;
  /** Resolves with the index of the committed command. */
  readonly propose: (command: ExpireCommand) => Promise<number>;
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
      const ended = await this.#parts.ended();
      const nowMs = this.#parts.now();
      const rules = rulesFor(ended, this.#parts.settings, nowMs);
      if (rules.length === 0 || this.#isStopped()) return;
      const index = await this.#parts.propose({ rules, limit: MAX_EXPIRED_PER_ENTRY });
      if (index > this.#reached) this.#awaited = index;
    } catch {
      // Redis is away, or the leader is closing: there is another look, here or at the next leader.
    } finally {
      this.#busy = false;
    }
  }

  /** Asked anew: it changes while a look is under way. */
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
