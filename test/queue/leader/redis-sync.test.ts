// Redis follows the log: no gap, no repeat, one call at a time, through outages and lost writes.
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { CommittedEntry } from "../../../src/queue/state/committed-entry.js";
import {
  AppliedIndexMismatch,
  RedisRefused,
  RedisUnavailable,
  RestoreInterrupted,
} from "../../../src/queue/redis/errors.js";
import {
  RedisSync,
  type SnapshotRestorer,
  type SyncState,
} from "../../../src/queue/leader/redis-sync.js";
import { turns } from "../../support/queue-fixtures.js";

type Fault =
  | "none"
  /** Not reached. */
  | "down"
  /** Applied, but the answer is lost. */
  | "answer-lost"
  /** Redis forgets everything before the call. */
  | "flushed"
  /** Somebody else applies an entry before the call. */
  | "overtaken";

class FaultyRedis {
  applied = 0;
  calls = 0;
  overlapped = false;
  readonly violations: string[] = [];
  faults: Fault[] = [];
  #busy = false;

  async appliedIndex(): Promise<number> {
    return this.#call(() => this.applied);
  }

  async prove(): Promise<void> {
    return this.#call(() => undefined);
  }

  async apply(entries: readonly CommittedEntry[]): Promise<readonly []> {
    return this.#call((fault) => {
      const first = entries[0]?.index ?? 0;
      if (fault === "overtaken") this.applied = Math.max(this.applied, first);
      if (first !== this.applied + 1) throw new AppliedIndexMismatch(this.applied, first - 1);
      for (const { index } of entries) {
        if (index !== this.applied + 1) this.violations.push(`${index} after ${this.applied}`);
        this.applied = index;
      }
      return [];
    });
  }

  async #call<T>(work: (fault: Fault) => T): Promise<T> {
    if (this.#busy) this.overlapped = true;
    this.#busy = true;
    this.calls += 1;
    const fault = this.faults.shift() ?? "none";
    await turns(1);
    try {
      if (fault === "down") throw new RedisUnavailable(new Error("connection refused"));
      if (fault === "flushed") this.applied = 0;
      const answer = work(fault);
      if (fault === "answer-lost") throw new RedisUnavailable(new Error("timeout"));
      return answer;
    } finally {
      this.#busy = false;
    }
  }
}

function syncWith(
  redis: FaultyRedis,
  lastIndex: number,
  firstIndex = 1,
  snapshots?: SnapshotRestorer,
) {
  const log = { last: lastIndex };
  const states: SyncState[] = [];
  const progress: number[] = [];
  const sync = new RedisSync(
    {
      firstIndex: () => firstIndex,
      appliedIndex: () => log.last,
      read: (from, maxEntries) =>
        Array.from({ length: Math.min(maxEntries, log.last - from + 1, 3) }, (_, at) => ({
          index: from + at,
          term: 1,
          batch: undefined,
        })),
    },
    redis,
    {
      onProgress: (index) => {
        progress.push(index);
        return Promise.resolve(true);
      },
      onState: (state) => states.push(state),
    },
    snapshots,
  );
  return { sync, log, states, progress };
}

async function settled(done: () => boolean): Promise<void> {
  for (let round = 0; round < 500 && !done(); round += 1) {
    await turns(2);
    await vi.advanceTimersByTimeAsync(50);
  }
  expect(done()).toBe(true);
}

describe("bringing Redis to the truth", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("does not follow the log before Redis is about where the log is", async () => {
    const redis = new FaultyRedis();
    const { sync, states } = syncWith(redis, 1_000);
    const followsAt: number[] = [];
    states.push = (state) => (state.kind === "in-step" ? followsAt.push(redis.applied) : 0);

    sync.start();
    await settled(() => redis.applied === 1_000);
    await sync.stop();

    expect(Math.min(...followsAt)).toBeGreaterThan(700);
    expect(followsAt.at(-1)).toBe(1_000);
  });

  test("does not follow the log while Redis can be read and refuses every write", async () => {
    const redis = new FaultyRedis();
    redis.apply = () => Promise.reject(new RedisUnavailable(new Error("it is full")));
    const { sync, states } = syncWith(redis, 3);

    sync.start();
    await settled(() => states.length >= 3);
    await sync.stop();

    expect(new Set(states.map(({ kind }) => kind))).toEqual(new Set(["waiting"]));
  });

  test("reaches the end of the log whatever happens to the calls, in order and one at a time", async () => {
    const fault = fc.constantFrom<Fault>("none", "down", "answer-lost", "flushed", "overtaken");
    await fc.assert(
      fc.asyncProperty(fc.array(fault, { maxLength: 25 }), fc.nat(15), async (faults, length) => {
        const redis = new FaultyRedis();
        redis.faults = faults;
        const { sync, log, states } = syncWith(redis, length);

        sync.start();
        await turns(3);
        log.last += 4;
        sync.wake();
        await settled(() => redis.applied === log.last && states.at(-1)?.kind === "in-step");
        await sync.stop();

        expect(redis.violations).toEqual([]);
        expect(redis.overlapped).toBe(false);
      }),
      { numRuns: 60 },
    );
  });

  test("replays from the first entry when Redis was flushed, and says that it was behind", async () => {
    const redis = new FaultyRedis();
    const { sync, log, states, progress } = syncWith(redis, 6);
    sync.start();
    await settled(() => redis.applied === 6);

    redis.faults = ["flushed"];
    log.last = 7;
    sync.wake();
    await settled(() => redis.applied === 7);
    await sync.stop();

    expect(states.some(({ kind }) => kind === "waiting")).toBe(true);
    expect(states.at(-1)?.kind).toBe("in-step");
    expect(progress).toContain(0);
    expect(redis.violations).toEqual([]);
  });

  test("does not hammer a Redis that is down, however many entries are committed meanwhile", async () => {
    const redis = new FaultyRedis();
    redis.faults = Array.from({ length: 100 }, () => "down" as const);
    const { sync, log } = syncWith(redis, 1);
    sync.start();
    await turns();

    for (let entry = 0; entry < 50; entry += 1) {
      log.last += 1;
      sync.wake();
      await turns(2);
    }
    expect(redis.calls).toBe(1);

    redis.faults = [];
    sync.retryNow();
    await settled(() => redis.applied === log.last);
    await sync.stop();
  });

  test("trusts nothing of a Redis that stands past the log", async () => {
    const redis = new FaultyRedis();
    redis.applied = 1_000;
    const { sync, states, progress } = syncWith(redis, 5);

    sync.start();
    await settled(() => states.length > 2);
    await sync.stop();

    expect(progress).toEqual([]);
    expect(new Set(states.map(({ kind }) => kind))).toEqual(new Set(["stuck"]));
  });

  test("says that it is stuck where the log begins past what Redis has, without trusting it", async () => {
    const redis = new FaultyRedis();
    redis.applied = 3;
    const { sync, states, progress } = syncWith(redis, 20, 10);

    sync.start();
    await settled(() => states.length > 0);
    await sync.stop();

    expect(states[0]?.kind).toBe("stuck");
    expect(progress).toEqual([]);
    expect(redis.applied).toBe(3);
  });

  test.each([0, 3, -1])(
    "restores a Redis that the log does not reach back to, and replays the rest: found at %i",
    async (found) => {
      const redis = new FaultyRedis();
      redis.applied = found;
      const seen: number[] = [];
      const interrupted = new RestoreInterrupted("another leader restores");
      const outcomes = [interrupted, new RedisUnavailable(new Error("down")), undefined];
      const { sync, states } = syncWith(redis, 20, 10, {
        index: () => 9,
        restore: (index) => {
          seen.push(index);
          const error = outcomes.shift();
          if (error !== undefined) return Promise.reject(error);
          redis.applied = 9;
          return Promise.resolve();
        },
      });

      sync.start();
      await settled(() => redis.applied === 20 && states.at(-1)?.kind === "in-step");
      await sync.stop();

      expect(seen).toEqual([found, found, found]);
      expect(redis.violations).toEqual([]);
    },
  );

  test("tells what it cannot explain, and tries again instead of ending", async () => {
    const redis = new FaultyRedis();
    vi.spyOn(redis, "apply").mockRejectedValueOnce(new TypeError("x is not a function"));
    const { sync, states } = syncWith(redis, 5);

    sync.start();
    await settled(() => redis.applied === 5 && states.at(-1)?.kind === "in-step");
    await sync.stop();

    const stuck = states.find(({ kind }) => kind === "stuck");
    expect(stuck).toMatchObject({
      reason: expect.stringContaining("x is not a function") as string,
    });
  });

  test("is stuck, not broken, while Redis refuses, and goes on when it does not", async () => {
    const redis = new FaultyRedis();
    const refusing = vi
      .spyOn(redis, "appliedIndex")
      .mockRejectedValueOnce(new RedisRefused(new Error("NOPERM")));
    const { sync, states } = syncWith(redis, 2);

    sync.start();
    await settled(() => redis.applied === 2);
    await sync.stop();

    expect(refusing).toHaveBeenCalledTimes(2);
    expect(states[0]?.kind).toBe("stuck");
  });

  test("stops after the call under way, and makes no other", async () => {
    const redis = new FaultyRedis();
    const { sync } = syncWith(redis, 30);
    sync.start();
    await turns(2);

    await sync.stop();
    const { calls } = redis;
    sync.wake();
    await turns();

    expect(redis.calls).toBe(calls);
  });
});
