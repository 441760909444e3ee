// What each kind of key of a mesh holds, in words for people: `taskmesh redis` shows them.
import { RedisKeys } from "./keys.js";

export interface KeyKind {
  /** The key, with what varies in angle brackets. */
  readonly key: string;
  readonly type: "string" | "hash" | "list" | "set" | "zset" | "stream" | "channel";
  readonly holds: string;
}

/** Every kind of key that the queue has in Redis, in the order in which one would explain them. */
export function queueKeyKinds(mesh: string): readonly KeyKind[] {
  const keys = new RedisKeys(mesh);
  const own = (name: string): string => `${keys.prefix}${name}`;
  const kind = (key: string, type: KeyKind["type"], holds: string): KeyKind => ({
    key,
    type,
    holds,
  });
  return [
    kind(
      keys.applied,
      "string",
      "how far the log is applied: index, term, and the last index that changed a task; written with them",
    ),
    kind(
      keys.task("<id>"),
      "string",
      "run state of a task, packed: `taskmesh redis task ID` reads it",
    ),
    kind(keys.data("<id>"), "string", "data of a task, as JSON, where it is large"),
    kind(keys.result("<id>"), "string", "result of a task, as JSON, where it is large"),
    kind(
      keys.progress("<id>"),
      "string",
      "fence and percent: how far the running attempt has come",
    ),
    kind(
      keys.log("<id>"),
      "stream",
      "what the handlers of a task have written down, within bounds",
    ),
    kind(keys.all, "zset", "every task, by sequence: the order of the log"),
    kind(keys.lanes, "zset", "lanes that hold a pending task"),
    kind(keys.lane("<priority>:<queue>"), "zset", "pending tasks of a lane, by sequence"),
    kind(keys.scheduled, "zset", "tasks that wait for their time or for others, by sequence"),
    kind(keys.due, "zset", "scheduled tasks by the time they may run, in milliseconds"),
    kind(keys.running, "zset", "tasks that run, by sequence"),
    kind(keys.completed, "zset", "completed tasks, by sequence"),
    kind(keys.dead, "zset", "dead letters, by sequence"),
    kind(keys.cancelled, "zset", "cancelled tasks, by sequence"),
    kind(
      keys.endedCompleted,
      "zset",
      "completed tasks by the time of their end: retention goes by it",
    ),
    kind(keys.endedDead, "zset", "dead letters by the time of their end"),
    kind(keys.endedCancelled, "zset", "cancelled tasks by the time of their end"),
    kind(keys.queues, "zset", "names of the queues that were seen"),
    kind(keys.counts("<queue>"), "zset", "how many tasks of a queue are in each status"),
    kind(keys.deadlines, "zset", "unfinished tasks by their deadline, in milliseconds"),
    kind(
      keys.idempotent("<key>"),
      "string",
      "until when an idempotency key holds, and its task; or a call, and what it did",
    ),
    kind(own("idempotent-until"), "zset", "idempotency keys by the time when they cease to hold"),
    kind(keys.unique("<key>"), "string", "the unfinished task that has a unique key"),
    kind(own("dependents:<id>"), "zset", "tasks that wait for the end of a task, by sequence"),
    kind(keys.settling, "zset", "tasks that have ended and that others have yet to be told of"),
    kind(
      keys.events,
      "stream",
      "changes of tasks, for watchers that come back; its length is bounded",
    ),
    kind(keys.settings, "hash", "what is set in the mesh, for the day on which all disks are lost"),
    kind(keys.appliedChannel, "channel", "told the applied index after each batch"),
    kind(keys.restoring, "hash", "a snapshot that is being loaded; nothing is applied meanwhile"),
    kind(own("counting"), "hash", "an audit that counts tasks, and how far it has come"),
    kind(own("counting:tasks"), "hash", "what it has counted, by status and queue"),
    kind(own("dump"), "hash", "a snapshot that is being read"),
    kind(own("dump:images"), "list", "states of tasks as they were when it began"),
    kind(own("dump:data"), "hash", "data of tasks that were removed since"),
    kind(own("dump:keys"), "hash", "idempotency keys as they were when it began"),
  ];
}
