// Brings the newest snapshot of this node into Redis, while it leads and Redis is too far behind.
import type { RedisRestorer } from "../../queue/redis/restorer.js";
import type { SnapshotRestorer } from "../../queue/leader/redis-sync.js";
import { type RaftStorage, SnapshotContent, SnapshotReplaced } from "../../raft/index.js";
import { RestoreInterrupted } from "../../queue/redis/errors.js";
import type { Logger } from "../../telemetry/logger.js";
import { readFrames, redisContent } from "../../queue/state/snapshot-format.js";

export interface RedisRestoreOptions {
  readonly storage: Pick<RaftStorage, "snapshot" | "snapshotChunk">;
  readonly restorer: RedisRestorer;
  readonly leaderTerm: () => number;
  /** What Redis kept beside the tasks is gone. */
  readonly onRestored: () => void;
  readonly logger: Logger;
}

export class RedisRestore implements SnapshotRestorer {
  readonly #options: RedisRestoreOptions;
  constructor(options: RedisRestoreOptions) {
    this.#options = options;
  }

  /** Entry of this node's newest snapshot; 0 where there is none. */
  index(): number {
    return this.#options.storage.snapshot()?.index ?? 0;
  }

  /**
   * Loads the newest snapshot into Redis in the place of what it holds.
   * @param found applied index as found; below 0 for a restore that was not ended
   * @throws RestoreInterrupted where Redis changed meanwhile, RedisUnavailable
   */
  async restore(found: number, signal: AbortSignal): Promise<void> {
    const { storage, restorer, leaderTerm, onRestored, logger } = this.#options;
    const meta = storage.snapshot();
    const startMs = performance.now();
    // Without a snapshot the log reaches back to its first entry: Redis begins empty.
    const { index, term } = meta ?? { index: 0, term: 0 };
    const content = meta
      ? redisContent(readFrames(new SnapshotContent(storage, meta, signal)))
      : [];
    logger.warn({ snapshotIndex: index, redisIndex: found }, "restoring Redis from a snapshot");
    try {
      const source = { index, term, content };
      await restorer.restore(source, { found, leaderTerm: leaderTerm(), signal });
    } catch (error) {
      if (!(error instanceof SnapshotReplaced)) throw error;
      throw new RestoreInterrupted(error.message, { cause: error });
    }
    onRestored();
    const tookMs = Math.round(performance.now() - startMs);
    logger.info({ snapshotIndex: index, tookMs }, "Redis is restored from a snapshot");
  }
}
