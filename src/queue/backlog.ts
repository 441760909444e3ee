// Keeps the leader's pending tasks supplied from Redis, where the backlog waits.
import type { Lane, PendingSet } from "./pending-set.js";
import { pendingFromRedis } from "./pending-task.js";
import type { PendingTask as StoredPendingTask } from "./redis/apply-outcome.js";

/** Tasks read at a time from one queue and priority. */
const READ_LIMIT = 2_000;
/** Reads between two batches that are applied: applying goes on meanwhile. */
const MAX_READS = 20;

export interface BacklogReader {
  pendingQueues(): Promise<readonly Lane[]>;
  pendingHead(head: {
    readonly queue: string;
    readonly priority: number;
    readonly afterSequence: number;
    readonly limit: number;
  }): Promise<readonly StoredPendingTask[]>;
}

export class Backlog {
  #open = false;

  /**
   * @param isTaken true for a task that is no longer pending, though Redis may not know it yet
   */
  constructor(
    private readonly pending: PendingSet,
    private readonly reader: BacklogReader,
    private readonly isTaken: (id: string) => boolean,
  ) {}

  /** Whether Redis has been read in this term, and nothing was missed since. */
  get open(): boolean {
    return this.#open;
  }

  /** What Redis told may have been lost: it is read anew before it is trusted. */
  invalidate(): void {
    this.#open = false;
  }

  /**
   * Reads what is short. Redis must not be written meanwhile.
   *
   * @param redisIndex log index that Redis reflects
   * @param lastIndex newest entry that was proposed
   * @throws RedisUnavailable
   */
  async supply(redisIndex: number, lastIndex: number): Promise<void> {
    if (!this.#open) {
      this.pending.reopen(await this.reader.pendingQueues(), lastIndex);
      this.#open = true;
    }
    for (let reads = 0; reads < MAX_READS; reads += 1) {
      const band = this.pending.toRefill(redisIndex);
      if (band === undefined) return;
      const cursorBefore = band.cursor;
      const stored = await this.reader.pendingHead({
        queue: band.queue,
        priority: band.priority,
        afterSequence: band.cursor,
        limit: READ_LIMIT,
      });
      const tasks = stored.filter(({ id }) => !this.isTaken(id)).map(pendingFromRedis);
      const last = stored.at(-1)?.sequence ?? cursorBefore;
      this.pending.refill(band, tasks, {
        readTo: last,
        exhausted: stored.length < READ_LIMIT,
        redisIndex,
      });
      if (band.cursor === cursorBefore && !band.complete) return;
    }
  }
}
