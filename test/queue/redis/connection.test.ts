// Redis stopped, frozen, restarted and flushed: calls fail fast, and all heals by itself.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AppliedIndexWatch } from "../../../src/queue/redis/applied-watch.js";
import { RedisConnection } from "../../../src/redis/connection.js";
import { RedisUnavailable } from "../../../src/queue/redis/errors.js";
import { RedisServer } from "../../support/redis-server.js";
import { waitFor } from "../../support/wait-for.js";
import { AppliedLog, entry, submit } from "./applied-log.js";

const WAIT = { timeout: 20_000 };
/** Longer than any test waits: whoever waits this long waits for good. */
const FOREVER_MS = 60_000;

async function connected(one: RedisConnection): Promise<void> {
  await waitFor("Redis is connected", () => one.state.connected);
}

let server: RedisServer;
let connection: RedisConnection;
let log: AppliedLog;

beforeEach(async () => {
  server = await RedisServer.start({ appendOnly: true });
  connection = new RedisConnection({
    endpoint: { url: server.url },
    commandTimeoutMs: 500,
    name: "test",
  });
  await connected(connection);
  log = new AppliedLog(connection.client, "test");
});
afterEach(async () => {
  connection.close();
  await server.stop();
});

describe("a connection", () => {
  it("fails calls at once while Redis is down, and serves again after its restart", async () => {
    await log.append(submit("a"));
    await server.kill();
    await expect.poll(() => connection.state.connected, WAIT).toBe(false);
    await expect(log.reader.getTask("a")).rejects.toThrow(RedisUnavailable);
    await expect(log.reader.counts()).rejects.toThrow(RedisUnavailable);
    await expect(log.applier.apply([entry(2, [submit("b")])])).rejects.toThrow(RedisUnavailable);
    await expect.poll(() => connection.state.error, WAIT).toContain("ECONNREFUSED");

    await server.restart();
    await connected(connection);
    expect(connection.state).toEqual({ connected: true, error: undefined });
    expect((await log.reader.getTask("a"))?.id).toBe("a");
    await log.append(submit("b"));
    expect(await log.reader.appliedIndex()).toBe(2);
  });

  it("fails calls that a frozen Redis does not answer, and queues none of them", async () => {
    server.freeze();
    await expect(log.reader.appliedIndex()).rejects.toThrow(RedisUnavailable);
    await expect.poll(() => connection.state.connected, WAIT).toBe(false);
    const many = Array.from({ length: 100 }, () => log.reader.appliedIndex());
    const results = await Promise.allSettled(many);
    expect(results.every(({ status }) => status === "rejected")).toBe(true);

    server.thaw();
    await connected(connection);
    expect(await log.reader.appliedIndex()).toBe(0);
  });

  it("keeps the cause of a failure and not the command with its data", async () => {
    server.freeze();
    const error = await log.append(submit("secret")).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(RedisUnavailable);
    const { cause } = error as RedisUnavailable;
    expect(cause).toBeInstanceOf(Error);
    expect(cause).not.toHaveProperty("command");
  });

  it("sends scripts again that Redis has forgotten", async () => {
    await log.append(submit("a"));
    await connection.client.script("FLUSH");
    await log.append(submit("b"));
    await connection.client.script("FLUSH");
    const head = await log.reader.pendingHead({ queue: "default", priority: 5, limit: 9 });
    expect(head.map(({ id }) => id)).toEqual(["a", "b"]);
  });

  it("brings a wiped Redis back to the truth when the log is applied again", async () => {
    await log.append(submit("a"));
    await log.append(submit("b"));
    await server.flush();
    expect(await log.applier.appliedIndex()).toBe(0);
    await log.applier.apply(log.entries);
    expect((await log.reader.counts()).pending).toBe(2);
  });
});

describe("the watch of the applied index", () => {
  let subscriber: RedisConnection;
  let watch: AppliedIndexWatch;

  beforeEach(async () => {
    subscriber = new RedisConnection({
      endpoint: { url: server.url },
      commandTimeoutMs: 500,
      name: "watch",
    });
    await connected(subscriber);
    watch = new AppliedIndexWatch({ reader: connection, subscriber, keys: log.keys });
  });
  afterEach(() => {
    watch.close();
    subscriber.close();
  });

  it("wakes who waits for an index once it is applied", async () => {
    const second = watch.waitFor(2, FOREVER_MS);
    await log.append(submit("a"));
    await expect.poll(() => watch.applied, WAIT).toBe(1);
    await log.append(submit("b"));
    expect(await second).toBe(true);
    expect(await watch.waitFor(1, 0)).toBe(true);
  });

  it("says false when the time is up", async () => {
    expect(await watch.waitFor(5, 10)).toBe(false);
  });

  it("reads the index that was applied before it watched", async () => {
    await log.append(submit("a"));
    const late = new AppliedIndexWatch({ reader: connection, subscriber, keys: log.keys });
    expect(await late.waitFor(1, FOREVER_MS)).toBe(true);
    late.close();
  });

  it("stays subscribed while nothing is published for longer than a command may take", async () => {
    await expect
      .poll(() => connection.client.pubsub("NUMSUB", log.keys.appliedChannel), WAIT)
      .toEqual([log.keys.appliedChannel, 1]);
    const changes: boolean[] = [];
    subscriber.onChange(({ connected }) => changes.push(connected));
    expect(await watch.waitFor(1, 1_200)).toBe(false);
    await log.append(submit("a"));
    expect(await watch.waitFor(1, FOREVER_MS)).toBe(true);
    expect(changes).toEqual([]);
  });

  it("learns after a restart of Redis what it missed", async () => {
    await log.append(submit("a"));
    expect(await watch.waitFor(1, FOREVER_MS)).toBe(true);
    const waiting = watch.waitFor(3, FOREVER_MS);
    await server.kill();
    await server.restart();
    await connected(connection);
    await log.append(submit("b"));
    await log.append(submit("c"));
    expect(await waiting).toBe(true);
  });

  it("bounds how many wait", async () => {
    const waits = Array.from({ length: 10_000 }, () => watch.waitFor(9, FOREVER_MS));
    await expect(watch.waitFor(9, FOREVER_MS)).rejects.toMatchObject({ code: "overloaded" });
    watch.close();
    expect(new Set(await Promise.all(waits))).toEqual(new Set([false]));
  });
});
