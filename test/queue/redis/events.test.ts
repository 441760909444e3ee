// The stream of events: what the apply script notes, read in pages and from its end.
import type { Redis } from "ioredis";
import { afterEach, describe, expect, it, vi } from "vitest";
import { TaskStatus } from "../../../src/gen/mesh/v1/task.js";
import { RedisApplier } from "../../../src/queue/redis/applier.js";
import { RedisConnection } from "../../../src/redis/connection.js";
import { EventReader, EventsGone } from "../../../src/queue/redis/event-reader.js";
import type { EventPosition, TaskChange } from "../../../src/queue/redis/event-record.js";
import { EventTail } from "../../../src/queue/redis/event-tail.js";
import {
  type AppliedLog,
  assign,
  AT_MS,
  cancel,
  completed,
  definition,
  entry,
  failed,
  finish,
  promote,
  release,
  retry,
  submit,
} from "./applied-log.js";
import { withFreshRedis } from "./fresh-redis.js";

let redis: Redis;
let log: AppliedLog;
let reader: EventReader;
withFreshRedis((client, applied) => {
  redis = client;
  log = applied;
  reader = new EventReader({ redis, keys: log.keys });
});

const START: EventPosition = { index: 1, position: 0 };
const short = ({ index, position, id, status, attempt }: TaskChange): string =>
  `${index}.${position} ${id} ${TaskStatus[status]} ${attempt}`;

/** Everything from a place on, page after page. */
async function changesFrom(from: EventPosition): Promise<TaskChange[]> {
  const found: TaskChange[] = [];
  for (let next = from; ;) {
    const records = await reader.read(next);
    if (records.length === 0) return found;
    for (const { changes } of records) {
      found.push(
        ...changes.filter(({ index, position }) => index > next.index || position >= next.position),
      );
    }
    next = records.at(-1)?.next ?? next;
  }
}

describe("the stream of events", () => {
  it("has every change of a task once, in the order of the log", async () => {
    await log.append(submit("a", "b", definition("later", { runAtMs: AT_MS + 5 })));
    await log.append([assign(["a", "b"], { nodeId: "node-2" })]);
    await log.append([finish(completed("a", 2), failed("b", 2, AT_MS + 50))]);
    await log.append(promote(10), AT_MS + 60);
    await log.append([assign(["b", "later"], { attempt: 2 }), release("b", 5)], AT_MS + 61);
    await log.append([cancel("b", "later"), retry("b")], AT_MS + 62);

    expect((await changesFrom(START)).map(short)).toEqual([
      "1.0 a PENDING 0",
      "1.1 b PENDING 0",
      "1.2 later SCHEDULED 0",
      "2.0 a RUNNING 1",
      "2.1 b RUNNING 1",
      "3.0 a COMPLETED 1",
      "3.1 b SCHEDULED 1",
      "4.0 later PENDING 0",
      "4.1 b PENDING 1",
      "5.0 b RUNNING 2",
      "5.1 later RUNNING 2",
      "5.2 b PENDING 1",
      "6.0 b CANCELLED 1",
      "6.1 later CANCELLED 2",
      "6.2 b PENDING 0",
    ]);
  });

  it("tells type, queue, node and time of a change, also where names are long", async () => {
    const type = "ä".repeat(128);
    await log.append(submit(definition("a", { type, queue: "späße:1" }), "b"), AT_MS);
    await log.append(assign(["a"], { nodeId: "node-2" }), AT_MS + 7);

    const changes = await changesFrom(START);

    expect(changes).toMatchObject([
      { id: "a", type, queue: "späße:1", workerId: "", atMs: AT_MS },
      { id: "b", type: "process", queue: "default", workerId: "", atMs: AT_MS },
      { id: "a", type, queue: "späße:1", workerId: "node-2", atMs: AT_MS + 7 },
    ]);
  });

  it("has nothing for what changed nothing", async () => {
    await log.append(submit("a"));
    await log.append([submit("a"), finish(completed("a", 9)), cancel("absent")]);
    await log.append([]);

    expect(await redis.xlen(log.keys.events)).toBe(1);
    expect(await reader.lastIndex()).toBe(1);
  });

  it("can be read from any change on, also inside an entry of many", async () => {
    const ids = Array.from({ length: 300 }, (_, n) => `t${n}`);
    await log.append(submit(...ids));
    await log.append(assign(ids));
    const all = await changesFrom(START);

    expect(all.map(({ id }) => id)).toEqual([...ids, ...ids]);
    for (const position of [0, 1, 127, 128, 129, 255, 256, 299]) {
      const rest = await changesFrom({ index: 1, position });
      expect(rest).toEqual(all.slice(position));
    }
    // Everything of the first entry was seen, in a token that names its last change.
    expect(await changesFrom({ index: 1, position: 300 })).toEqual(all.slice(300));
    expect(await changesFrom({ index: 3, position: 0 })).toEqual([]);
  });

  it("is bounded, and says from where on it is whole", async () => {
    const applier = new RedisApplier({ redis, keys: log.keys, maxEventRecords: 100 });
    for (let index = 1; index <= 400; index += 1) {
      await applier.apply([entry(index, [submit(`t${index}`)])]);
    }

    expect(await redis.xlen(log.keys.events)).toBeLessThanOrEqual(200);
    const refused = await reader.read(START).catch((error: unknown) => error);
    if (!(refused instanceof EventsGone)) throw new Error("the oldest should be gone");
    const oldest = await reader.oldestIndex();
    expect(refused.oldestIndex).toBe(oldest);
    const [first] = await changesFrom({ index: oldest, position: 0 });
    expect(first?.index).toBe(oldest);
    await expect(reader.read({ index: oldest - 1, position: 0 })).rejects.toThrow(EventsGone);
  });

  it("is the same after a replay from the start", async () => {
    await log.append(submit("a", "b"));
    await log.append([]);
    await log.append([assign(["a", "b"])]);
    const before = await changesFrom(START);
    const records = await redis.xrange(log.keys.events, "-", "+");

    await redis.flushall();
    await log.applier.apply(log.entries);

    expect(await changesFrom(START)).toEqual(before);
    expect(await redis.xrange(log.keys.events, "-", "+")).toEqual(records);
  });

  it("takes no record twice where Redis kept it and lost the rest", async () => {
    await log.append(submit("a"));
    const kept = await redis.dumpBuffer(log.keys.events);
    await redis.flushall();
    await redis.restore(log.keys.events, 0, kept);

    await log.applier.apply(log.entries);
    await log.append(assign(["a"]));

    expect((await changesFrom(START)).map(short)).toEqual(["1.0 a PENDING 0", "2.0 a RUNNING 1"]);
  });

  it("is not whole before the point at which it begins anew without the log", async () => {
    await log.append(submit("a"));
    await redis.flushall();
    // As a restored snapshot leaves it: the events before are not known.
    await redis.set(log.keys.applied, "10 1");

    await expect(reader.read({ index: 5, position: 0 })).rejects.toMatchObject({ oldestIndex: 11 });
    await log.applier.apply([entry(11, [submit("b")])]);
    await expect(reader.read({ index: 5, position: 0 })).rejects.toMatchObject({ oldestIndex: 11 });
    expect((await changesFrom({ index: 11, position: 0 })).map(short)).toEqual([
      "11.0 b PENDING 0",
    ]);
  });
});

describe("the tail of the stream", () => {
  const open: EventTail[] = [];
  afterEach(() => {
    for (const tail of open.splice(0)) tail.close();
  });

  function tailOf(): EventTail {
    const { host = "", port = 0 } = redis.options;
    const tail = new EventTail({
      keys: log.keys,
      commandTimeoutMs: 1_000,
      connect: () =>
        new RedisConnection({
          endpoint: { url: `redis://${host}:${port}` },
          commandTimeoutMs: 1_000,
          name: "tail",
        }),
    });
    open.push(tail);
    return tail;
  }
  const idsFrom = (tail: EventTail, from: EventPosition) =>
    tail.from(from)?.flatMap(({ changes }) => changes.map(({ id }) => id));

  it("has what is added from its start on, and nothing of before", async () => {
    await log.append(submit("before"));
    const tail = tailOf();
    tail.open();
    const next = { index: 2, position: 0 };
    await vi.waitFor(() => expect(tail.from(next)).toEqual([]));

    await log.append(submit("a", "b"));
    await log.append(submit("c"));

    await vi.waitFor(() => expect(idsFrom(tail, next)).toEqual(["a", "b", "c"]));
    expect(idsFrom(tail, { index: 3, position: 0 })).toEqual(["c"]);
    expect(tail.from(START)).toBeUndefined();
  });

  it("wakes who waits for more", async () => {
    const tail = tailOf();
    tail.open();
    await vi.waitFor(() => expect(tail.from(START)).toEqual([]));
    const woken = tail.changed(60_000, new AbortController().signal);

    await log.append(submit("a"));

    await woken;
    expect(idsFrom(tail, START)).toEqual(["a"]);
  });

  it("goes on where it was when Redis was wiped and caught up again", async () => {
    await log.append(submit("a"));
    const tail = tailOf();
    tail.open();
    const next = { index: 2, position: 0 };
    await vi.waitFor(() => expect(tail.from(next)).toEqual([]));
    await log.append(submit("b"));
    await vi.waitFor(() => expect(idsFrom(tail, next)).toEqual(["b"]));

    await redis.flushall();
    await log.applier.apply(log.entries);
    await log.append(submit("c"));

    await vi.waitFor(() => expect(idsFrom(tail, next)).toEqual(["b", "c"]));
  });

  it("keeps a connection only while there are readers", async () => {
    const tails = async (): Promise<number> =>
      String(await redis.client("LIST")).split("name=tail").length - 1;
    const tail = tailOf();
    expect(await tails()).toBe(0);

    const first = tail.open();
    const second = tail.open();
    await vi.waitFor(async () => expect(await tails()).toBe(1));
    first();
    second();

    await vi.waitFor(async () => expect(await tails()).toBe(0));
  });
});
