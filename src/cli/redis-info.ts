// What is noted of the Redis that `up` starts, in its data folder: which process it is, to find one that
// was left behind, and where it listens, so that its port stays the same.
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import { isAlive } from "../bootstrap/process-lock.mjs";

const INFO_FILE = "redis.json";

export interface RedisInfo {
  readonly pid: number;
  /** When it started, as the system tells it: a pid alone is used again. */
  readonly startedAt: string;
  readonly url: string;
}

/** What was noted last; undefined where nothing was, or what is there says nothing. */
export function readRedisInfo(folder: string): RedisInfo | undefined {
  let info: unknown;
  try {
    info = JSON.parse(readFileSync(path.join(folder, INFO_FILE), "utf8"));
  } catch {
    return undefined;
  }
  return isInfo(info) ? info : undefined;
}

/** Notes it, as a whole or not at all. */
export function writeRedisInfo(folder: string, info: RedisInfo): void {
  const file = path.join(folder, INFO_FILE);
  writeFileSync(`${file}.new`, `${JSON.stringify(info)}\n`);
  renameSync(`${file}.new`, file);
}

/** Whether it runs now. */
export function runsStill({ pid, startedAt }: RedisInfo): boolean {
  return isAlive({ pid, startedAt });
}

function isInfo(info: unknown): info is RedisInfo {
  if (typeof info !== "object" || info === null) return false;
  const { pid, startedAt, url } = info as Partial<Record<keyof RedisInfo, unknown>>;
  return typeof pid === "number" && typeof startedAt === "string" && typeof url === "string";
}
