// Applies committed log entries to Redis, in log order, together with the applied index.
import type { Redis } from "ioredis";
import { deniedAccess } from "../../redis/access.js";
import { errorCode, isErrorReply } from "../../redis/error-reply.js";
import {
  type AppliedValue,
  belonging,
  NOT_WHOLE,
  ownerArgument,
  parseApplied,
  type QueueOwner,
  type RedisPosition,
} from "./applied-value.js";
import type { ApplyOutcome } from "./apply-outcome.js";
import { encodeEntries } from "./command-encoder.js";
import { taskCount } from "./command-reach.js";
import type { CommittedEntry } from "../state/committed-entry.js";
import {
  AppliedIndexMismatch,
  asForeign,
  callRedis,
  ForeignQueue,
  RedisRefused,
  RedisUnavailable,
  toRedisError,
} from "./errors.js";
import type { RedisKeys } from "./keys.js";
import { decodeOutcomes } from "./outcome-decoder.js";
import { runPipeline } from "./pipeline.js";
import { RedisScript } from "./script.js";

/**
 * Tasks in one script call, unless a single entry has more: Redis serves nobody else meanwhile, and
 * this many take it about 10 ms.
 */
const MAX_TASKS_PER_CALL = 1_024;
/** Entries in one script call. */
const MAX_ENTRIES_PER_CALL = 1_024;
/** Text of tasks and results in one script call, unless a single entry has more. */
const MAX_TEXT_PER_CALL = 4 * 1024 * 1024;

/** Records of events that are kept unless the configuration says otherwise; see event-record.ts. */
export const DEFAULT_MAX_EVENT_RECORDS = 10_000;

const applyScript = new RedisScript("apply.lua");

export interface RedisApplierOptions {
  readonly redis: Redis;
  readonly keys: RedisKeys;
  /** About how many records the stream of events keeps; default 10,000. */
  readonly maxEventRecords?: number;
  /** The mesh whose log is applied, once it is known; default none. */
  readonly owner?: () => QueueOwner | undefined;
}

/** The one writer of the queue's state. Calls of `apply` must not overlap. */
export class RedisApplier {
  readonly #redis: Redis;
  readonly #keys: RedisKeys;
  readonly #maxEventRecords: number;
  readonly #owner: () => QueueOwner | undefined;
  #busy = false;

  constructor({ redis, keys, maxEventRecords, owner }: RedisApplierOptions) {
    this.#redis = redis;
    this.#keys = keys;
    this.#maxEventRecords = maxEventRecords ?? DEFAULT_MAX_EVENT_RECORDS;
    this.#owner = owner ?? (() => undefined);
  }

  /**
   * Index of the last entry that Redis reflects; 0 for an empty Redis, NOT_WHOLE while a snapshot is
   * being loaded, and where that, or a script, was not ended: by this leader or by one before it.
   * @throws RedisUnavailable, RedisRefused
   */
  async appliedIndex(): Promise<number> {
    try {
      const [restoring, applied] = await runPipeline(this.#redis, (pipeline) =>
        pipeline.exists(this.#keys.restoring).get(this.#keys.applied),
      );
      if (restoring === 1) return NOT_WHOLE;
      const value = parseApplied(applied as string | null);
      return belonging(value, this.#owner()) === "superseded" ? NOT_WHOLE : value.index;
    } catch (error) {
      // Somebody else's key stands there.
      if (error instanceof RedisRefused && error.code === "WRONGTYPE") return NOT_WHOLE;
      throw error;
    }
  }

  /**
   * Tries every command that the scripts call, as a script that is kept from one would be left half done.
   * @throws RedisRefused where one is denied, RedisUnavailable
   */
  async prove(): Promise<void> {
    const denied = await callRedis(() => deniedAccess(this.#redis, this.#keys.prefix));
    if (denied !== undefined) throw new RedisRefused(new Error(denied));
  }

  /** @throws RedisUnavailable */
  async appliedEntry(): Promise<RedisPosition> {
    return readAppliedEntry(this.#redis, this.#keys);
  }

  /**
   * Applies entries that follow the applied one without a gap, several script calls if they are
   * many. Returns one outcome for each entry that has something to tell.
   * @throws AppliedIndexMismatch when the entries do not follow what Redis has applied
   * @throws ForeignQueue where another mesh's log was applied under these keys
   * @throws RedisRefused; what was sent last may have been done by half, and `appliedIndex` tells
   * @throws RedisUnavailable; what was sent last may have been applied all the same
   */
  async apply(entries: readonly CommittedEntry[]): Promise<readonly ApplyOutcome[]> {
    if (this.#busy) throw new Error("apply is under way already");
    assertContiguous(entries);
    this.#busy = true;
    const outcomes: ApplyOutcome[] = [];
    try {
      for (const call of splitIntoCalls(entries)) {
        outcomes.push(...(await this.#applyInOneStep(call, outcomes)));
      }
    } finally {
      this.#busy = false;
    }
    return outcomes;
  }

  async #applyInOneStep(
    entries: readonly CommittedEntry[],
    before: readonly ApplyOutcome[],
  ): Promise<readonly ApplyOutcome[]> {
    const first = entries[0];
    const last = entries.at(-1);
    if (first === undefined || last === undefined) return [];
    const args = [
      first.index - 1,
      last.index,
      last.term,
      encodeEntries(entries),
      this.#maxEventRecords,
      ownerArgument(this.#owner()),
    ];
    let reply: unknown;
    try {
      reply = await applyScript.run(this.#redis, this.#keys.prefix, args);
    } catch (error) {
      throw applyError(error, first.index - 1, before);
    }
    return decodeOutcomes(reply as Buffer);
  }
}

/** Why the queue under these keys is not to be used by the mesh; undefined where it may be. */
export async function foreignQueueIn(
  redis: Redis,
  keys: RedisKeys,
  owner: QueueOwner | undefined,
): Promise<string | undefined> {
  const found = parseApplied(await redis.get(keys.applied));
  if (belonging(found, owner) !== "foreign") return undefined;
  return new ForeignQueue(found.meshId ?? "").message;
}

/** @throws RedisUnavailable */
export async function readAppliedEntry(redis: Redis, keys: RedisKeys): Promise<AppliedValue> {
  let value: string | null;
  try {
    value = await redis.get(keys.applied);
  } catch (error) {
    throw toRedisError(error);
  }
  return parseApplied(value);
}

function applyError(error: unknown, expected: number, before: readonly ApplyOutcome[]): Error {
  if (isErrorReply(error) && errorCode(error) === "APPLIEDMISMATCH") {
    return new AppliedIndexMismatch(Number(error.message.split(" ")[1]), expected, before);
  }
  const known = asForeign(error) ?? toRedisError(error);
  return known instanceof RedisUnavailable ? new RedisUnavailable(known.cause, before) : known;
}

function assertContiguous(entries: readonly CommittedEntry[]): void {
  for (let i = 1; i < entries.length; i++) {
    if (entries[i]?.index !== (entries[i - 1]?.index ?? 0) + 1) {
      throw new Error("entries to apply are not contiguous");
    }
  }
}

function* splitIntoCalls(entries: readonly CommittedEntry[]): Iterable<readonly CommittedEntry[]> {
  let call: CommittedEntry[] = [];
  let tasks = 0;
  let text = 0;
  for (const entry of entries) {
    const entryTasks = taskCount(entry.batch);
    const entryText = textLength(entry);
    const full =
      tasks + entryTasks > MAX_TASKS_PER_CALL ||
      text + entryText > MAX_TEXT_PER_CALL ||
      call.length >= MAX_ENTRIES_PER_CALL;
    if (call.length > 0 && full) {
      yield call;
      call = [];
      tasks = 0;
      text = 0;
    }
    call.push(entry);
    tasks += entryTasks;
    text += entryText;
  }
  if (call.length > 0) yield call;
}

/** Length of the texts of an entry that can be large. */
function textLength(entry: CommittedEntry): number {
  let length = 0;
  for (const { kind } of entry.batch?.commands ?? []) {
    if (kind?.$case === "submit") {
      for (const task of kind.value.tasks) length += task.data.length;
    } else if (kind?.$case === "finish") {
      for (const { outcome } of kind.value.outcomes) {
        if (outcome?.$case === "completed") length += outcome.value.length;
      }
    }
  }
  return length;
}
