// Names of the Redis keys of one mesh. scripts/keys.lua makes the same names for the scripts.
import { keyPrefix } from "../../redis/key-prefix.js";

/** Key builder of one mesh; all keys share the hash tag `{tm:<mesh>}`, hence one cluster slot. */
export class RedisKeys {
  /** What every key starts with. */
  readonly prefix: string;
  /** String: "<index> <term> <index of the last entry that changed a task>" of what is applied. */
  readonly applied: string;
  /** Hash: the snapshot that is being loaded; while it is there, nothing is applied. */
  readonly restoring: string;
  /** Pub/sub channel on which the applied index is published after each batch. */
  readonly appliedChannel: string;
  /** ZSET of every task by sequence. */
  readonly all: string;
  /** ZSET of scheduled tasks by the time they may run, in milliseconds. */
  readonly due: string;
  /** ZSET of every queue name seen, by name. */
  readonly queues: string;
  /** ZSET of the lanes that hold a pending task, by name; see `laneName`. */
  readonly lanes: string;
  /** ZSETs of tasks by sequence, one for each status but pending, whose tasks are in lanes. */
  readonly scheduled: string;
  readonly running: string;
  readonly completed: string;
  readonly dead: string;
  readonly cancelled: string;
  /** ZSETs of ended tasks by the time of their end, in milliseconds. */
  readonly endedCompleted: string;
  readonly endedDead: string;
  readonly endedCancelled: string;
  /** ZSET of unfinished tasks by their deadline, in milliseconds. */
  readonly deadlines: string;
  /** ZSET of tasks that have ended and that others wait for. */
  readonly settling: string;
  /** Stream of the changes of tasks, see event-record.ts. */
  readonly events: string;
  /** Hash: what is set in the mesh, and the entry that it is of, see settings-writer.ts. */
  readonly settings: string;

  constructor(mesh: string) {
    this.prefix = keyPrefix(mesh);
    this.applied = `${this.prefix}applied`;
    this.restoring = `${this.prefix}restoring`;
    this.appliedChannel = this.applied;
    this.all = `${this.prefix}all`;
    this.due = `${this.prefix}due`;
    this.queues = `${this.prefix}queues`;
    this.lanes = `${this.prefix}lanes`;
    this.scheduled = `${this.prefix}scheduled`;
    this.running = `${this.prefix}running`;
    this.completed = `${this.prefix}completed`;
    this.dead = `${this.prefix}dead`;
    this.cancelled = `${this.prefix}cancelled`;
    this.endedCompleted = `${this.prefix}ended:completed`;
    this.endedDead = `${this.prefix}ended:dead`;
    this.endedCancelled = `${this.prefix}ended:cancelled`;
    this.deadlines = `${this.prefix}deadlines`;
    this.settling = `${this.prefix}settling`;
    this.events = `${this.prefix}events`;
    this.settings = `${this.prefix}settings`;
  }

  /** String: run state of a task, see run-state.ts. */
  task(id: string): string {
    return `${this.prefix}task:${id}`;
  }

  /** String: data of a task whose definition is stored without it. */
  data(id: string): string {
    return `${this.prefix}data:${id}`;
  }

  /** String: result of a task whose state is stored without it. */
  result(id: string): string {
    return `${this.prefix}result:${id}`;
  }

  /** String: "<fence> <percent>", how far an attempt has come. */
  progress(id: string): string {
    return `${this.prefix}progress:${id}`;
  }

  /** Stream: what the handlers of a task have written down, see log.lua. */
  log(id: string): string {
    return `${this.prefix}log:${id}`;
  }

  /** String: until when an idempotency key holds, and the task that it stands for. */
  idempotent(key: string): string {
    return `${this.prefix}idempotent:${key}`;
  }

  /** String: the task that holds a unique key, if it has not ended. */
  unique(key: string): string {
    return `${this.prefix}unique:${key}`;
  }

  /** ZSET of status by how many tasks of a queue are in it; see counts.lua. */
  counts(queue: string): string {
    return `${this.prefix}counts:${queue}`;
  }

  /** ZSET by sequence: the pending tasks of one queue and priority. */
  lane(name: string): string {
    return `${this.prefix}pending:${name}`;
  }
}

/** Operations share the keys of idempotency, as which no client can name one: a control character is first. */
export function operationKey(operationId: string): string {
  return `\u0001${operationId}`;
}

/** Name of the lane of a queue and a priority; the priority first, as queue names are free text. */
export function laneName(queue: string, priority: number): string {
  return `${priority}:${queue}`;
}

/** Queue and priority of a lane's name. */
export function parseLaneName(name: string): { readonly queue: string; readonly priority: number } {
  const colon = name.indexOf(":");
  return { priority: Number(name.slice(0, colon)), queue: name.slice(colon + 1) };
}
