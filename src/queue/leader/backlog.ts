// Keeps the leader's pending tasks supplied from Redis, where the backlog waits.
import type { PendingBand } from "../pending/pending-band.js";
import type { Lane, PendingSet } from "../pending/pending-set.js";
import type { Foresight } from "./foresight.js";
import { pendingFromRedis, type StoredPendingTask } from "../task/pending-task.js";

/** Tasks read at a time from one queue and priority. */
const READ_LIMIT = 2_000;
/** Reads between two batches, where entries wait to be applied. */
const MAX_READS = 20;

export interface BacklogReader {
  /** What `read` reads; throws RedisUnavailable where what answers does not reflect the log up to `index`. */
  reflecting<T>(index: number, read: () => Promise<T>): Promise<T>;
  pendingQueues(): Promise<readonly Lane[]>;
  pendingHead(head: {
    readonly queue: string;
    readonly priority: number;
    readonly afterSequence: number;
    readonly limit: number;
  }): Promise<readonly StoredPendingTask[]>;
}

export class Backlog {
  readonly #pending: PendingSet;
  readonly #reader: BacklogReader;
  readonly #foresight: Pick<Foresight, "isTaken">;
  readonly #readLimit: number;
  #open = false;

  constructor(
    pending: PendingSet,
    reader: BacklogReader,
    foresight: Pick<Foresight, "isTaken">,
    readLimit = READ_LIMIT,
  ) {
    this.#pending = pending;
    this.#reader = reader;
    this.#foresight = foresight;
    this.#readLimit = readLimit;
  }

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
   * @param entriesWait whether there is more to apply: it is not held up for long
   * @throws RedisUnavailable
   */
  async supply(redisIndex: number, lastIndex: number, entriesWait: () => boolean): Promise<void> {
    const reader = this.#reader;
    if (!this.#open) {
      const lanes = await reader.reflecting(redisIndex, () => reader.pendingQueues());
      this.#pending.reopen(lanes, lastIndex);
      this.#open = true;
    }
    /** Bands of which Redis has no more to tell at this index. */
    const told = new Set<PendingBand>();
    for (let reads = 0; reads < MAX_READS || !entriesWait(); reads += 1) {
      const band = this.#pending.toRefill(redisIndex, told);
      if (band === undefined) return;
      const cursorBefore = band.cursor;
      const limit = Math.min(this.#readLimit, this.#pending.readLimit(band));
      const head = {
        queue: band.queue,
        priority: band.priority,
        afterSequence: cursorBefore,
        limit,
      };
      const stored = await reader.reflecting(redisIndex, () => reader.pendingHead(head));
      const tasks = stored.filter(({ id }) => !this.#foresight.isTaken(id)).map(pendingFromRedis);
      const last = stored.at(-1)?.sequence ?? cursorBefore;
      this.#pending.refill(band, tasks, {
        readTo: last,
        exhausted: stored.length < limit,
        redisIndex,
      });
      if (stored.length < limit) told.add(band);
    }
  }
}
