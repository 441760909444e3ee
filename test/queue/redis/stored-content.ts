// What a snapshot is to hold, read from a Redis at rest by the tasks' own names, and two Redis servers
// to compare.
import { Redis } from "ioredis";
import { afterAll, beforeAll } from "vitest";
import { TaskStatus } from "../../../src/gen/mesh/v1/task.js";
import { RedisServer } from "../../support/redis-server.js";
import { AppliedLog } from "./applied-log.js";

/** Bytes by id and by key. */
export interface StoredContent {
  readonly tasks: ReadonlyMap<string, string>;
  readonly keys: ReadonlyMap<string, string>;
}

export interface LoggedRedis {
  readonly redis: Redis;
  readonly log: AppliedLog;
}

/** FAILED is never stored. A status that is new must be in snapshots, unless it is for good. */
const NOT_STORED = [TaskStatus.UNSPECIFIED, TaskStatus.FAILED, TaskStatus.UNRECOGNIZED];
const NOT_COMPLETED = Object.values(TaskStatus).filter(
  (status): status is TaskStatus =>
    typeof status === "number" && status !== TaskStatus.COMPLETED && !NOT_STORED.includes(status),
);

/** Call it at the top of a file: two servers for its tests, each given out empty. */
export function withTwoRedis(): (which: 0 | 1) => Promise<LoggedRedis> {
  const servers: RedisServer[] = [];
  const clients: Redis[] = [];
  beforeAll(async () => {
    for (let i = 0; i < 2; i++) {
      // Sets that are scanned in small pieces, as large ones are, and that are equal bytes if equal.
      const server = await RedisServer.start({ args: ["--zset-max-listpack-entries", "0"] });
      servers.push(server);
      clients.push(new Redis(server.url));
    }
  });
  afterAll(async () => {
    for (const client of clients) client.disconnect();
    for (const server of servers) await server.stop();
  });
  return async (which) => {
    const redis = clients[which];
    if (redis === undefined) throw new Error("no such Redis");
    await redis.flushall();
    return { redis, log: new AppliedLog(redis, "test") };
  };
}

export async function stateOf({ redis, log }: LoggedRedis): Promise<StoredContent> {
  const tasks = new Map<string, string>();
  // Of the completed ones those that others wait for and do not know yet.
  const ids = await redis.zrangebyscore(log.keys.settling, 1, 1);
  for (const status of NOT_COMPLETED) {
    const page = await log.reader.list({ status, limit: 1_000 });
    ids.push(...page.tasks.map(({ id }) => id));
  }
  for (const id of ids) {
    const state = withResult(
      (await redis.getBuffer(log.keys.task(id))) ?? Buffer.alloc(0),
      await redis.getBuffer(log.keys.result(id)),
    );
    const data = (await redis.getBuffer(log.keys.data(id))) ?? Buffer.alloc(0);
    tasks.set(id, Buffer.concat([state, data]).toString("hex"));
  }
  const keys = new Map<string, string>();
  const prefix = log.keys.idempotent("");
  for (const name of await redis.keys(`${prefix}*`)) {
    keys.set(name.slice(prefix.length), (await redis.getBuffer(name))?.toString("hex") ?? "");
  }
  return { tasks, keys };
}

/** Where the strings of a state begin, and how wide the lengths of those before its result are. */
const STRINGS_AT = 41;
const LENGTHS_BEFORE_RESULT = [2, 4, 2, 4, 2];

/** A state as a snapshot has it: a result in a key of its own stands behind the byte that says so. */
function withResult(state: Buffer, result: Buffer | null): Buffer {
  if (result === null) return state;
  let at = STRINGS_AT;
  for (const width of LENGTHS_BEFORE_RESULT) at += width + state.readUIntBE(at, width);
  const behind = state.subarray(at + 4 + state.readUInt32BE(at));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(1 + result.length);
  return Buffer.concat([state.subarray(0, at), length, Buffer.from([1]), result, behind]);
}
