// Applies committed log entries to Redis, in log order, together with the applied index.
import type { Redis } from "ioredis";
import { errorCode, isErrorReply } from "../../redis/error-reply.js";
import type { ApplyOutcome } from "./apply-outcome.js";
import { encodeEntries, taskCount } from "./command-encoder.js";
import type { CommittedEntry } from "../state/committed-entry.js";
import { AppliedIndexMismatch, RedisUnavailable, toRedisError } from "./errors.js";
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

/** In place of an applied index: what Redis holds is of no entry. */
export const HALF_RESTORED = -1;

const applyScript = new RedisScript("apply.lua");

/** Index and term of the last entry that Redis reflects; both 0 for an empty Redis. */
export interface RedisPosition {
  readonly index: number;
  readonly term: number;
}

export interface RedisApplierOptions {
  readonly redis: Redis;
  readonly keys: RedisKeys;
  /** About how many records the stream of events keeps; default 10,000. */
  readonly maxEventRecords?: number;
}

/** The one writer of the queue's state. Calls of `apply` must not overlap. */
export class RedisApplier {
  readonly #redis: Redis;
  readonly #keys: RedisKeys;
  readonly #maxEventRecords: number;
  #busy = false;

  constructor({ redis, keys, maxEventRecords }: RedisApplierOptions) {
    this.#redis = redis;
    this.#keys = keys;
    this.#maxEventRecords = maxEventRecords ?? DEFAULT_MAX_EVENT_RECORDS;
  }

  /**
   * Index of the last entry that Redis reflects; 0 for an empty Redis, HALF_RESTORED while a snapshot
   * is being loaded, or was by a leader that did not end it.
   * @throws RedisUnavailable
   */
  async appliedIndex(): Promise<number> {
    const [restoring, applied] = await runPipeline(this.#redis, (pipeline) =>
      pipeline.exists(this.#keys.restoring).get(this.#keys.applied),
    );
    if (restoring === 1) return HALF_RESTORED;
    return parseApplied(applied as string | null).index;
  }

  /** @throws RedisUnavailable */
  async appliedEntry(): Promise<RedisPosition> {
    return readAppliedEntry(this.#redis, this.#keys);
  }

  /**
   * Applies entries that follow the applied one without a gap, several script calls if they are
   * many. Returns one outcome for each entry that has something to tell.
   * @throws AppliedIndexMismatch when the entries do not follow what Redis has applied
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

/** @throws RedisUnavailable */
export async function readAppliedEntry(redis: Redis, keys: RedisKeys): Promise<RedisPosition> {
  let value: string | null;
  try {
    value = await redis.get(keys.applied);
  } catch (error) {
    throw toRedisError(error);
  }
  return parseApplied(value);
}

/** @param value as it is stored; null for an empty Redis */
export function parseApplied(value: string | null): RedisPosition {
  const [index, term] = (value ?? "0 0").split(" ");
  return { index: Number(index), term: Number(term) };
}

function applyError(error: unknown, expected: number, before: readonly ApplyOutcome[]): Error {
  if (isErrorReply(error) && errorCode(error) === "APPLIEDMISMATCH") {
    return new AppliedIndexMismatch(Number(error.message.split(" ")[1]), expected, before);
  }
  const known = toRedisError(error);
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
