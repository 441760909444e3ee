// What handlers write down is kept beside what the log decides, within bounds, as long as its task.
import type { Redis } from "ioredis";
import { describe, expect, it } from "vitest";
import type { TaskLogLine } from "../../../src/gen/mesh/v1/task_log.js";
import { InvalidCursor } from "../../../src/queue/redis/errors.js";
import { type LogPage, LogReader } from "../../../src/queue/redis/log-reader.js";
import { LogWriter } from "../../../src/queue/redis/log-writer.js";
import { waitFor } from "../../support/wait-for.js";
import { type AppliedLog, assign, dead, drop, finish, submit } from "./applied-log.js";
import { withFreshRedis } from "./fresh-redis.js";

let log: AppliedLog;
let redis: Redis;
withFreshRedis((freshRedis, freshLog) => {
  redis = freshRedis;
  log = freshLog;
});

const line = (message: string, attempt = 1): TaskLogLine => ({
  atMs: 1_750_000_000_000,
  attempt,
  level: "info",
  message,
  fields: '{"a":1}',
});

const read = (taskId: string, limit = 1_000, cursor = "", attempt?: number): Promise<LogPage> =>
  new LogReader({ redis, keys: log.keys }).read(taskId, { attempt, limit, cursor });

const messages = ({ lines }: LogPage): string[] => lines.map(({ message }) => message);

/** Writes lines of several tasks, and waits until the last one of them all is there. */
async function write(taskId: string, lines: readonly TaskLogLine[]): Promise<void> {
  const before = await redis.xlen(log.keys.log("mark"));
  const writer = new LogWriter(redis, log.keys);
  writer.keep([
    { taskId, lines },
    { taskId: "mark", lines: [line("mark")] },
  ]);
  await waitFor("it is written", async () => (await redis.xlen(log.keys.log("mark"))) > before);
}

describe("the log of a task", () => {
  it("shows every line as it was written, in pages, of all attempts or of one", async () => {
    await log.append([submit("a", "mark")]);
    await write("a", [line("one"), line("two"), line("three", 2)]);
    await write("a", [line("four", 2)]);

    const first = await read("a", 3);
    expect(first.lines[0]).toEqual(line("one"));
    expect(messages(first)).toEqual(["one", "two", "three"]);
    const rest = await read("a", 3, first.nextCursor);
    expect([messages(rest), rest.nextCursor]).toEqual([["four"], ""]);
    expect(messages(await read("a", 1_000, "", 2))).toEqual(["three", "four"]);
    expect(messages(await read("b"))).toEqual([]);
    await expect(read("a", 1, "elsewhere")).rejects.toThrow(InvalidCursor);
  });

  it("keeps the newest thousand lines", async () => {
    await log.append([submit("a", "mark")]);
    for (const part of [0, 1, 2]) {
      await write(
        "a",
        Array.from({ length: 500 }, (_, at) => line(String(part * 500 + at))),
      );
    }

    const kept = messages(await read("a"));

    expect([kept.length, kept[0], kept.at(-1)]).toEqual([1_000, "500", "1499"]);
  });

  it("keeps the newest 64 KiB", async () => {
    await log.append([submit("a", "mark")]);
    const lines = Array.from({ length: 40 }, (_, at) => line(`${at} ${"x".repeat(4_000)}`));
    await write("a", lines.slice(0, 25));
    await write("a", lines.slice(25));

    const kept = messages(await read("a"));

    expect(kept.length).toBe(16);
    expect(kept.at(-1)).toBe(lines.at(-1)?.message);
  });

  it("goes with its task, and is not written for one that is not there", async () => {
    await log.append([submit("a", "mark"), assign(["a"])]);
    await write("a", [line("one")]);
    await log.append(finish(dead("a", 1)));
    await log.append(drop("a"));
    await write("a", [line("too late")]);

    expect(await redis.exists(log.keys.log("a"))).toBe(0);
  });
});
