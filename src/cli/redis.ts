// `taskmesh redis`: explains the keys of the mesh, and decodes the record of a task. It only reads.
import { Command } from "commander";
import type { Redis } from "ioredis";
import { registryKeyKinds } from "../discovery/key-guide.js";
import { type KeyKind, queueKeyKinds } from "../queue/redis/key-guide.js";
import { baseCommand } from "./context.js";
import { ExitError } from "./exit.js";
import { paint, pairs, print, printJson } from "./output.js";
import { type OpenRedis, type RedisOptions, withRedis } from "./redis-access.js";
import { readRecord } from "./redis-record.js";
import { recordLines } from "./redis-record-view.js";

/** The command `redis`; its options follow the name of what is to be done. */
export function redisCommand(): Command {
  return new Command("redis")
    .description("look into Redis: what each key holds, and what the record of a task says")
    .addCommand(
      lookCommand("keys", "explain every kind of key, with how much there is of it now").action(
        (options: RedisOptions) => withRedis(options, (open) => showKeys(open, options)),
      ),
      { isDefault: true },
    )
    .addCommand(
      lookCommand("task", "decode the record of a task, and say in which sets it stands")
        .argument("<id>", "id of the task")
        .action((id: string, options: RedisOptions) =>
          withRedis(options, (open) => showRecord(open, id, options)),
        ),
    );
}

function lookCommand(name: string, description: string): Command {
  return baseCommand(name, description)
    .option("--redis <url>", "the Redis to look into (default: that of the config, or of `up`)")
    .option("--json", "print it as JSON");
}

async function showKeys({ redis, mesh, place }: OpenRedis, options: RedisOptions): Promise<void> {
  const kinds: readonly KeyKind[] = [...queueKeyKinds(mesh), ...registryKeyKinds(mesh)];
  const shown = await Promise.all(
    kinds.map(async (kind) => ({ ...kind, size: await sizeOf(redis, kind) })),
  );
  if (options.json === true) {
    printJson({ redis: place, mesh, keys: shown });
    return;
  }
  const prefix = `{tm:${mesh}}:`;
  print(`The keys of the mesh ${mesh} in ${place}.`);
  print(`Each begins with ${prefix} and so is in one slot of a Redis Cluster.`);
  print();
  const rows = shown.map(({ key, type, holds, size }) => {
    const now = size === undefined ? "" : paint("cyan", ` (${size})`);
    return [key.slice(prefix.length), `${paint("dim", type)}${now} ${holds}`] as const;
  });
  for (const line of pairs(rows)) print(line);
}

/** Entries or bytes that the key has now; undefined where its name varies, or it is no key. */
async function sizeOf(redis: Redis, { key, type }: KeyKind): Promise<number | undefined> {
  if (key.includes("<")) return undefined;
  switch (type) {
    case "string":
      return redis.strlen(key);
    case "hash":
      return redis.hlen(key);
    case "list":
      return redis.llen(key);
    case "set":
      return redis.scard(key);
    case "zset":
      return redis.zcard(key);
    case "stream":
      return redis.xlen(key);
    case "channel":
      return undefined;
  }
}

async function showRecord(open: OpenRedis, id: string, options: RedisOptions): Promise<void> {
  const record = await readRecord(open, id);
  if (record === undefined) {
    throw new ExitError(`there is no record of a task ${id} in ${open.place}`);
  }
  if (options.json === true) printJson(record);
  else for (const line of recordLines(record)) print(line);
}
