// Walks the sets that hold tasks by sequence, newest first; several of them as if they were one.
import type { Redis } from "ioredis";
import { runPipeline } from "./pipeline.js";

/** Most members that one step reads over all sets together. */
const MAX_MEMBERS_PER_STEP = 20_000;

export interface IndexedTask {
  readonly id: string;
  readonly sequence: number;
}

export interface IndexStep {
  /** Newest first. */
  readonly tasks: readonly IndexedTask[];
  /** True when there is nothing older than the last of them. */
  readonly exhausted: boolean;
}

/** The newest tasks older than `below` in `keys`, up to `count`, fewer when the sets are many. */
export async function newestBelow(
  redis: Redis,
  keys: readonly string[],
  below: number | undefined,
  count: number,
): Promise<IndexStep> {
  const perKey = Math.max(1, Math.min(count, Math.floor(MAX_MEMBERS_PER_STEP / keys.length)));
  const start = below === undefined ? "+inf" : `(${below}`;
  const replies = await runPipeline(redis, (pipeline) => {
    for (const key of keys)
      pipeline.zrevrangebyscore(key, start, "-inf", "WITHSCORES", "LIMIT", 0, perKey);
  });
  const found: IndexedTask[] = [];
  let complete = true;
  for (const reply of replies as string[][]) {
    for (let i = 0; i + 1 < reply.length; i += 2) {
      found.push({ id: reply[i] ?? "", sequence: Number(reply[i + 1]) });
    }
    if (reply.length >= perKey * 2) complete = false;
  }
  // Each set gave its newest `perKey`, so the newest `perKey` of all are among them.
  found.sort((a, b) => b.sequence - a.sequence);
  if (complete && found.length <= count) return { tasks: found, exhausted: true };
  return { tasks: found.slice(0, complete ? count : perKey), exhausted: false };
}
