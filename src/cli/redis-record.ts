// Reads everything that Redis has of one task, as it is stored, and decodes it.
import type { Redis } from "ioredis";
import { AttemptOutcome, OnDependencyFailure, TaskError, TaskStatus } from "../gen/mesh/v1/task.js";
import { laneName, RedisKeys } from "../queue/redis/keys.js";
import { decodeRunState, definitionOf, type RunState } from "../queue/redis/run-state.js";
import type { OpenRedis } from "./redis-access.js";

/** Where a part of a task is stored. */
export interface StoredPart {
  readonly key: string;
  readonly bytes: number;
  /** What it says, as it is stored. */
  readonly text: string;
}

/** A set in which the task stands, and by what. */
export interface Membership {
  readonly key: string;
  readonly score: number;
}

/** What Redis has of a task. */
export type TaskRecord = Awaited<ReturnType<typeof recordOf>>;

/** Undefined where there is no such task. @throws Error for a record that no version of ours wrote */
export async function readRecord(
  { redis, mesh }: OpenRedis,
  id: string,
): Promise<TaskRecord | undefined> {
  const keys = new RedisKeys(mesh);
  const stored = await redis.getBuffer(keys.task(id));
  return stored === null ? undefined : recordOf(redis, keys, id, stored);
}

async function recordOf(redis: Redis, keys: RedisKeys, id: string, stored: Buffer) {
  const state = decodeRunState(stored);
  const definition = definitionOf(state);
  const [data, result, progress, logLines, sets] = await Promise.all([
    partOf(redis, keys.data(id)),
    partOf(redis, keys.result(id)),
    partOf(redis, keys.progress(id)),
    redis.xlen(keys.log(id)),
    membershipsOf(redis, keys, id, state),
  ]);
  return {
    id,
    key: keys.task(id),
    bytes: stored.length,
    status: wordOf(TaskStatus, state.status),
    lane: laneName(state.queue, state.priority),
    sequence: state.sequence,
    attempts: state.attempts,
    maxAttempts: definition.maxAttempts,
    losses: state.losses,
    lapses: state.lapses,
    runAt: timeOf(state.runAtMs),
    startedAt: timeOf(state.startedAtMs),
    finishedAt: timeOf(state.finishedAtMs),
    deadlineAt: timeOf(state.options.deadlineAtMs),
    workerId: state.workerId,
    fence: state.fence,
    changedIndex: state.changedIndex,
    waitsFor: state.options.waitsFor,
    definition: {
      ...definition,
      data: undefined,
      onDependencyFailure: wordOf(OnDependencyFailure, definition.onDependencyFailure),
      bytes: state.definition.length,
    },
    data: data ?? inline(definition.data),
    result: result ?? (state.result.kind === "inline" ? inline(state.result.text) : undefined),
    error: state.error.length === 0 ? undefined : TaskError.decode(state.error),
    history: state.history.map((attempt) => ({
      ...attempt,
      outcome: wordOf(AttemptOutcome, attempt.outcome),
    })),
    progress,
    logLines,
    standsIn: sets,
  };
}

/** Stored in the record itself. */
function inline(text: string): StoredPart | undefined {
  return text === "" ? undefined : { key: "", bytes: Buffer.byteLength(text), text };
}

async function partOf(redis: Redis, key: string): Promise<StoredPart | undefined> {
  const stored = await redis.getBuffer(key);
  return stored === null ? undefined : { key, bytes: stored.length, text: stored.toString("utf8") };
}

async function membershipsOf(
  redis: Redis,
  keys: RedisKeys,
  id: string,
  { queue, priority }: RunState,
): Promise<readonly Membership[]> {
  const sets = [
    ...[keys.all, keys.lane(laneName(queue, priority)), keys.scheduled, keys.due, keys.running],
    ...[keys.completed, keys.dead, keys.cancelled, keys.deadlines, keys.settling],
    ...[keys.endedCompleted, keys.endedDead, keys.endedCancelled],
  ];
  const scores = await Promise.all(sets.map((key) => redis.zscore(key, id)));
  return sets.flatMap((key, at) => {
    const score = scores[at];
    return score === null || score === undefined ? [] : [{ key, score: Number(score) }];
  });
}

function wordOf(names: Readonly<Record<number, string>>, value: number): string {
  return (names[value] ?? String(value)).toLowerCase();
}

function timeOf(ms: number): string | undefined {
  return ms === 0 ? undefined : new Date(ms).toISOString();
}
