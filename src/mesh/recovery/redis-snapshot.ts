// A snapshot of the queue from what Redis alone holds, where every disk is lost: tasks and keys as they are
// there, who ran what as their records tell it, and what people had set as the last leader kept it.
import { createReadStream, createWriteStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import type { Redis } from "ioredis";
import { RunningRecord } from "../../gen/mesh/v1/snapshot.js";
import { TaskStatus } from "../../gen/mesh/v1/task.js";
import { RedisDump, type StoredTask } from "../../queue/redis/dump.js";
import type { RedisKeys } from "../../queue/redis/keys.js";
import { decodeRunState, definitionOf } from "../../queue/redis/run-state.js";
import { readSettings } from "../../queue/redis/settings-writer.js";
import {
  encodeFrame,
  SNAPSHOT_FORMAT,
  STATE_LAYOUT,
  tableFrames,
} from "../../queue/state/snapshot-format.js";
import { RecoveryRefused } from "./errors.js";

export interface RedisSnapshot {
  /** Last entry that Redis reflects, and its term. */
  readonly index: number;
  readonly term: number;
  /** Entry of what people had set; undefined where nothing is kept of it. */
  readonly settingsIndex: number | undefined;
  /** Tasks that have not been completed. */
  readonly tasks: number;
  readonly running: number;
  /** In the format of a snapshot; to be read once. */
  readonly content: AsyncIterable<Uint8Array>;
}

/**
 * Reads Redis to its end. Nobody may write to it meanwhile: every node of the mesh is gone.
 * @param aside file for what was read, as there may be more than fits into memory
 * @throws RecoveryRefused, RedisUnavailable, DumpLost
 */
export async function snapshotFromRedis(
  { redis, keys }: { readonly redis: Redis; readonly keys: RedisKeys },
  aside: string,
  nowMs: number,
): Promise<RedisSnapshot> {
  const dump = await RedisDump.begin({ redis, keys });
  if (dump === undefined) {
    throw new RecoveryRefused(
      "Redis was left half restored, or is being read by a node: it cannot be recovered from",
    );
  }
  const running: Uint8Array[] = [];
  const seen = { tasks: 0, keys: 0, lastAtMs: nowMs };
  const body = createWriteStream(aside, { mode: 0o600 });
  await pipeline(async function* () {
    for await (const piece of dump.pieces()) {
      if (piece.kind === "keys") {
        seen.keys += piece.keys.length;
        const all = piece.keys.map((key) => ({ ...key }));
        yield encodeFrame({ $case: "keys", value: { keys: all } });
        continue;
      }
      seen.tasks += piece.tasks.length;
      for (const task of piece.tasks) {
        const { lastAtMs, record } = read(task);
        seen.lastAtMs = Math.max(seen.lastAtMs, lastAtMs);
        if (record !== undefined) running.push(record);
      }
      const tasks = piece.tasks.map((task) => ({ ...task }));
      yield encodeFrame({ $case: "tasks", value: { tasks } });
    }
    yield encodeFrame({ $case: "end", value: { tasks: seen.tasks, keys: seen.keys } });
  }, body);
  const settings = await readSettings(redis, keys);
  const { index, term } = dump;
  const header = encodeFrame({
    $case: "header",
    value: {
      format: SNAPSHOT_FORMAT,
      stateLayout: STATE_LAYOUT,
      redisIndex: index,
      tableIndex: index,
      lastAtMs: seen.lastAtMs,
    },
  });
  const tables = [...tableFrames("assignments", running), settings?.tables ?? new Uint8Array()];
  return {
    index,
    term,
    settingsIndex: settings?.index,
    tasks: seen.tasks,
    running: running.length,
    content: (async function* () {
      yield* [header, ...tables];
      yield* createReadStream(aside) as AsyncIterable<Buffer>;
    })(),
  };
}

/** When the log last stamped something of the task, and its assignment where it runs. */
function read({ state }: StoredTask): { lastAtMs: number; record: Uint8Array | undefined } {
  const run = decodeRunState(state);
  const task = definitionOf(run);
  const lastAtMs = Math.max(task.createdAtMs, run.startedAtMs, run.finishedAtMs);
  if (run.status !== TaskStatus.RUNNING) return { lastAtMs, record: undefined };
  const record = RunningRecord.encode({
    nodeId: run.workerId,
    fence: run.fence,
    assignedAtMs: run.startedAtMs,
    assignment: {
      taskId: task.id,
      type: task.type,
      queue: run.queue,
      priority: run.priority,
      sequence: run.sequence,
      attempt: run.attempts,
      maxAttempts: task.maxAttempts,
      backoff: task.backoff,
      timeoutMs: task.timeoutMs,
      requires: task.requires,
      losses: run.losses,
      lapses: run.lapses,
      runAtMs: run.runAtMs,
      deadlineAtMs: run.options.deadlineAtMs,
    },
  }).finish();
  return { lastAtMs, record };
}
