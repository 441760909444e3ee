// Listing, heads of lanes and counts, as any node reads them.
import type { Redis } from "ioredis";
import { describe, expect, it } from "vitest";
import { TaskStatus, type TaskDefinition } from "../../../src/gen/mesh/v1/task.js";
import { InvalidCursor, RedisBehind } from "../../../src/queue/redis/errors.js";
import { encodeCursor } from "../../../src/queue/redis/list-cursor.js";
import { MAX_HEAD_TASKS } from "../../../src/queue/redis/reader.js";
import type { ListQuery } from "../../../src/queue/redis/task-list.js";
import {
  AppliedLog,
  assign,
  AT_MS,
  cancel,
  completed,
  dead,
  definition,
  finish,
  submit,
} from "./applied-log.js";
import { withFreshRedis } from "./fresh-redis.js";

let redis: Redis;
let log: AppliedLog;

withFreshRedis((freshRedis, freshLog) => {
  redis = freshRedis;
  log = freshLog;
});

/** Ids of each page until there is no cursor. */
async function pages(query: ListQuery): Promise<string[][]> {
  const found: string[][] = [];
  let cursor: string | undefined;
  do {
    const page = await log.reader.list({ ...query, cursor });
    found.push(page.tasks.map(({ id }) => id));
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return found;
}

async function submitMany(count: number, overrides: (i: number) => Partial<TaskDefinition>) {
  const tasks = Array.from({ length: count }, (_, i) => definition(`t${i}`, overrides(i)));
  await log.append(submit(...tasks));
}

describe("list", () => {
  it("shows the newest first, page by page, and ends without an empty page", async () => {
    await log.append(submit("a", "b"));
    await log.append(submit("c", "d", "e", "f"));
    expect(await pages({ limit: 4 })).toEqual([
      ["f", "e", "d", "c"],
      ["b", "a"],
    ]);
    expect(await pages({ limit: 3 })).toEqual([
      ["f", "e", "d"],
      ["c", "b", "a"],
    ]);
  });

  it("shows the tasks of one status", async () => {
    await log.append([
      submit("p1", "p2", "r", "c", "d", "x", definition("s", { runAtMs: AT_MS + 1 })),
      assign(["r", "c", "d"]),
      cancel("x"),
      finish(completed("c", 1), dead("d", 1)),
    ]);
    const ids = async (status: TaskStatus) => (await pages({ status, limit: 10 })).flat();
    expect(await ids(TaskStatus.PENDING)).toEqual(["p2", "p1"]);
    expect(await ids(TaskStatus.RUNNING)).toEqual(["r"]);
    expect(await ids(TaskStatus.COMPLETED)).toEqual(["c"]);
    expect(await ids(TaskStatus.DEAD)).toEqual(["d"]);
    expect(await ids(TaskStatus.CANCELLED)).toEqual(["x"]);
    expect(await ids(TaskStatus.SCHEDULED)).toEqual(["s"]);
    expect(await ids(TaskStatus.FAILED)).toEqual([]);
    expect(await ids(TaskStatus.UNSPECIFIED)).toHaveLength(7);
  });

  it("merges pending tasks of many queues and priorities by age", async () => {
    await submitMany(60, (i) => ({ queue: `q${i % 7}`, priority: i % 10 }));
    const all = (await pages({ status: TaskStatus.PENDING, limit: 7 })).flat();
    expect(all).toEqual(Array.from({ length: 60 }, (_, i) => `t${59 - i}`));
    const one = (await pages({ status: TaskStatus.PENDING, queue: "q3", limit: 2 })).flat();
    expect(one).toEqual(["t59", "t52", "t45", "t38", "t31", "t24", "t17", "t10", "t3"]);
  });

  it("filters by type and queue", async () => {
    await submitMany(40, (i) => ({ type: i % 2 === 0 ? "even" : "odd", queue: `q${i % 4}` }));
    const found = await pages({ type: "even", queue: "q2", limit: 4 });
    expect(found).toEqual([
      ["t38", "t34", "t30", "t26"],
      ["t22", "t18", "t14", "t10"],
      ["t6", "t2"],
    ]);
    expect((await pages({ type: "none", limit: 4 })).flat()).toEqual([]);
  });

  it("bounds what one page looks at, and still reaches a rare task", async () => {
    await submitMany(12_000, (i) => ({ type: i === 3 ? "rare" : "common" }));
    const found = await pages({ type: "rare", limit: 10 });
    expect(found).toEqual([[], [], ["t3"]]);
  });

  it("ends a page early that would be too large", async () => {
    const data = JSON.stringify("x".repeat(3_000_000));
    for (const id of ["a", "b", "c"]) await log.append(submit(definition(id, { data })));
    expect(await pages({ limit: 10 })).toEqual([["c", "b"], ["a"]]);
  });

  it("does not show a task twice or skip one when others come and go between pages", async () => {
    await submitMany(10, () => ({}));
    const first = await log.reader.list({ limit: 5, status: TaskStatus.PENDING });
    await log.append([submit("new"), assign(["t9", "t4"])]);
    const next = await log.reader.list({
      limit: 9,
      status: TaskStatus.PENDING,
      cursor: first.nextCursor,
    });
    expect(next.tasks.map(({ id }) => id)).toEqual(["t3", "t2", "t1", "t0"]);
  });

  it.each(["", "x", "MTp4", `${encodeCursor(5)}A`, Buffer.from("1:05").toString("base64url")])(
    "refuses the cursor %j that it did not make",
    async (cursor) => {
      await expect(log.reader.list({ limit: 1, cursor })).rejects.toThrow(InvalidCursor);
    },
  );
});

describe("what must reflect an entry", () => {
  it("is not read of a server that is behind it", async () => {
    await log.append(submit("a"));
    const read = () => log.reader.getTask("a");
    expect((await log.reader.reflecting(1, read))?.id).toBe("a");
    await expect(log.reader.reflecting(2, read)).rejects.toThrow(RedisBehind);
    await redis.flushall();
    await expect(log.reader.reflecting(1, read)).rejects.toThrow("reflects entry 0, not 1");
    expect(await log.reader.reflecting(0, read)).toBeUndefined();
  });
});

describe("a task", () => {
  it("is not read without its data, when Redis loses it between the two", async () => {
    const large = { data: JSON.stringify("large".repeat(500)) };
    await log.append(submit("small", definition("large", large)));
    await redis.del(log.keys.data("large"));
    const found = await log.reader.getDefinitions(["small", "large"]);
    expect([...found.keys()]).toEqual(["small"]);
  });
});

describe("pendingHead", () => {
  it("reads one lane, oldest first, on from a sequence", async () => {
    await submitMany(30, (i) => ({ priority: i % 3 }));
    const lane = { queue: "default", priority: 1 };
    const first = await log.reader.pendingHead({ ...lane, limit: 4 });
    expect(first.map(({ id }) => id)).toEqual(["t1", "t4", "t7", "t10"]);
    const next = await log.reader.pendingHead({
      ...lane,
      afterSequence: first.at(-1)?.sequence,
      limit: 100,
    });
    expect(next.map(({ id }) => id)).toEqual(["t13", "t16", "t19", "t22", "t25", "t28"]);
    expect(await log.reader.pendingHead({ ...lane, queue: "none", limit: 4 })).toEqual([]);
  });

  it("bounds what it reads at once", async () => {
    await submitMany(MAX_HEAD_TASKS + 1, () => ({}));
    const head = await log.reader.pendingHead({ queue: "default", priority: 5, limit: 1e6 });
    expect(head).toHaveLength(MAX_HEAD_TASKS);
  });
});

describe("counts", () => {
  it("tell the tasks of each status and the pending ones of each queue", async () => {
    await submitMany(6, (i) => ({ queue: i < 4 ? "mail" : "video", priority: i }));
    await log.append([submit(definition("s", { runAtMs: AT_MS + 1 })), assign(["t4", "t5"])]);
    await log.append(finish(completed("t4", 2)));
    expect(await log.reader.counts()).toEqual({
      scheduled: 1,
      pending: 4,
      running: 1,
      completed: 1,
      dead: 0,
      cancelled: 0,
      queues: [
        { name: "default", pending: 0, paused: false },
        { name: "mail", pending: 4, paused: false },
        { name: "video", pending: 0, paused: false },
      ],
    });
    expect(await log.reader.pendingQueues()).toEqual(
      [0, 1, 2, 3].map((priority) => ({ queue: "mail", priority, pending: 1 })),
    );
  });

  it("are zero in an empty Redis", async () => {
    expect((await log.reader.counts()).queues).toEqual([]);
    expect(await log.reader.pendingQueues()).toEqual([]);
  });
});

describe("look-ups by id", () => {
  it("leave unknown ids out and keep the order asked for", async () => {
    await log.append(submit("a", "b", definition("big", { data: `"${"y".repeat(9_000)}"` })));
    const tasks = await log.reader.getTasks(["big", "x", "a"]);
    expect(tasks.map(({ id, data }) => [id, data.length])).toEqual([
      ["big", 9_002],
      ["a", 13],
    ]);
    expect(await log.reader.existing(["a", "x", "b"])).toEqual(new Set(["a", "b"]));
    expect(await log.reader.existing([])).toEqual(new Set());
    expect([...(await log.reader.getDefinitions(["x", "b"])).keys()]).toEqual(["b"]);
  });

  it("keep meshes in one Redis apart", async () => {
    await log.append(submit("a"));
    const other = new AppliedLog(redis, "other");
    expect(await other.reader.getTask("a")).toBeUndefined();
    expect(await other.reader.appliedIndex()).toBe(0);
  });
});
