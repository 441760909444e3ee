// What can go wrong with Redis, as typed errors, and the one place that tells them apart.
import { errorCode, isErrorReply } from "../../redis/error-reply.js";
import type { ApplyOutcome } from "./apply-outcome.js";

/**
 * Redis did not answer in time, is not connected, or answered that it cannot serve at the moment
 * (loading, failing over, out of memory). Thrown by every call; waiting may cure it. What was sent
 * may have been done: read the applied index before sending again.
 */
export class RedisUnavailable extends Error {
  override readonly name = "RedisUnavailable";
  /** Of `RedisApplier.apply` alone: what the script calls before the failed one told. */
  readonly outcomes: readonly ApplyOutcome[];

  constructor(cause: unknown, outcomes: readonly ApplyOutcome[] = []) {
    super(`Redis is unavailable: ${textOf(cause)}`, { cause });
    this.outcomes = outcomes;
  }
}

/**
 * The server that answers a read lacks writes that another one has: this connection has yet to change
 * over after a failover, or the new primary has yet to be brought to where the old one was.
 */
export class RedisBehind extends RedisUnavailable {
  constructor(
    readonly applied: number,
    readonly expected: number,
  ) {
    super(new Error(`the server that is read reflects entry ${applied}, not ${expected} yet`));
  }
}

/** Redis refused a call for good: a defect in a script, or keys that are not ours. */
export class RedisRefused extends Error {
  override readonly name = "RedisRefused";
  /** Code of its error reply. */
  readonly code: string;

  constructor(cause: unknown) {
    super(`Redis refused a call: ${textOf(cause)}`, { cause });
    this.code = cause instanceof Error ? errorCode(cause) : "";
  }
}

/**
 * Another mesh, or a former one of that name, keeps its queue under these keys: nothing of it is touched.
 */
export class ForeignQueue extends RedisRefused {
  constructor(readonly foundMeshId: string) {
    const what = `under the keys of this mesh Redis holds the queue of another one (${foundMeshId})`;
    super(
      new Error(`${what}: use the Redis, database, mesh name and data folder that belong together`),
    );
  }
}

/** Thrown by `RedisApplier.apply` when the first entry does not follow the applied one. */
export class AppliedIndexMismatch extends Error {
  override readonly name = "AppliedIndexMismatch";
  /** Index of the last entry that Redis reflects; 0 for an empty Redis. */
  readonly applied: number;
  /** What the script calls before the refused one told. */
  readonly outcomes: readonly ApplyOutcome[];

  constructor(applied: number, expected: number, outcomes: readonly ApplyOutcome[] = []) {
    super(`Redis has applied entry ${applied}, not ${expected}`);
    this.applied = applied;
    this.outcomes = outcomes;
  }
}

/**
 * A dump cannot be gone on with: Redis was emptied, has lost writes, or ended it because it grew too
 * large or was not read for too long. Begin another one at another time.
 */
export class DumpLost extends Error {
  override readonly name = "DumpLost";
}

/** A count of tasks cannot be gone on with: Redis was emptied, has lost writes, or another one began. */
export class CountingLost extends Error {
  override readonly name = "CountingLost";
}

/**
 * A restore cannot be gone on with: Redis lost a part of it, or another leader has begun one. What is
 * there by now counts for nothing; look at Redis again.
 */
export class RestoreInterrupted extends Error {
  override readonly name = "RestoreInterrupted";
}

/** Thrown by a listing for a cursor that it did not make. */
export class InvalidCursor extends Error {
  override readonly name = "InvalidCursor";

  constructor() {
    super("the cursor is not one that a listing returned");
  }
}

/** Codes of error replies that pass: the server starts, fails over, is full or is busy. */
const PASSING_CODES = new Set([
  "LOADING",
  "READONLY",
  "MASTERDOWN",
  "CLUSTERDOWN",
  "TRYAGAIN",
  "BUSY",
  "OOM",
  "MISCONF",
  "NOREPLICAS",
]);

/** Somebody has ended a script that took long; Redis lets that be only before its first write. */
const KILLED = /Script killed by user/;

const FULL = "it has reached its maxmemory and takes no more writes: raise maxmemory (OOM)";

/** Turns whatever a call to Redis threw into RedisUnavailable or RedisRefused, the cause kept. */
export function toRedisError(cause: unknown): RedisUnavailable | RedisRefused {
  if (cause instanceof RedisUnavailable || cause instanceof RedisRefused) return cause;
  // The client attaches the whole command to its errors: megabytes of tasks would end up in a log
  // line.
  if (cause instanceof Error) Reflect.deleteProperty(cause, "command");
  if (!isErrorReply(cause)) return new RedisUnavailable(cause);
  const code = errorCode(cause);
  if (!PASSING_CODES.has(code) && !KILLED.test(cause.message)) return new RedisRefused(cause);
  return new RedisUnavailable(code === "OOM" ? new Error(FULL, { cause }) : cause);
}

/** What an error reply of a script's own code is told as. */
export interface OwnReply {
  readonly code: string;
  readonly toError: (cause: Error) => Error;
}

/** Runs a call and turns what it throws into RedisUnavailable or RedisRefused, or what `own` makes of it. */
export async function callRedis<T>(call: () => Promise<T>, own?: OwnReply): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (isErrorReply(error) && errorCode(error) === own?.code) throw own.toError(error);
    throw asForeign(error) ?? toRedisError(error);
  }
}

/** What scripts answer that meet the queue of another mesh. */
export function asForeign(error: unknown): ForeignQueue | undefined {
  if (!isErrorReply(error) || errorCode(error) !== "FOREIGNMESH") return undefined;
  return new ForeignQueue(error.message.slice(error.message.indexOf(" ") + 1));
}

function textOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
