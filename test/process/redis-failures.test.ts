// Redis killed, stopped and wiped under load: submissions go on being accepted, and everything that
// was acknowledged is completed after it is back.
import { rmSync } from "node:fs";
import path from "node:path";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectCompletedOnce, submitLoad } from "../support/mesh-load.js";
import { MeshProcess } from "../support/mesh-process.js";
import { RedisServer } from "../support/redis-server.js";
import { waitFor } from "../support/wait-for.js";

/** Tasks that wait when Redis loses everything; the figure in docs/operations.md is of 20,000. */
const PENDING = Number(process.env["PENDING_TASKS"] ?? 4_000);

/** One submission after the other, for as long as it is not stopped. */
class SteadySubmitter {
  readonly #mesh: MeshProcess;
  readonly #queue: string;
  readonly acknowledged: string[] = [];
  readonly refusals: string[] = [];
  readonly #running: Promise<void>;
  #stopped = false;

  constructor(mesh: MeshProcess, queue: string) {
    this.#mesh = mesh;
    this.#queue = queue;
    this.#running = this.#run();
  }

  /** Resolves when `count` more are acknowledged. */
  async acknowledges(count: number): Promise<void> {
    const enough = this.acknowledged.length + count;
    await waitFor(
      `${count} more submissions are accepted (refused: ${this.refusals.join(" ")})`,
      () => this.acknowledged.length >= enough,
    );
  }

  async stop(): Promise<readonly string[]> {
    this.#stopped = true;
    await this.#running;
    return this.acknowledged;
  }

  async #run(): Promise<void> {
    const task = { type: "process", queue: this.#queue, data: 1 };
    while (!this.#stopped) {
      const { status, body } = await this.#mesh.http.call<{ id: string }>("POST", "/tasks", task);
      if (status === 201) this.acknowledged.push(body.id);
      else this.refusals.push(JSON.stringify(body));
    }
  }
}

async function redisConnected(mesh: MeshProcess, connected: boolean): Promise<void> {
  await waitFor(
    `the nodes ${connected ? "reach" : "miss"} Redis`,
    async () => (await mesh.http.cluster()).redis.connected === connected,
  );
}

/** What `taskmesh verify` finds. */
async function contradictions(mesh: MeshProcess): Promise<readonly unknown[]> {
  const found = await mesh.http.expectOk<{ readonly contradictions: readonly unknown[] }>(
    "POST",
    "/cluster/verify",
  );
  return found.contradictions;
}

describe("the Redis that up has started", { timeout: 90_000 }, () => {
  let mesh: MeshProcess;
  beforeAll(async () => {
    mesh = await MeshProcess.start();
  }, 120_000);
  afterAll(() => mesh.close(), 60_000);

  test("is brought back after kill -9; no submission is refused, and all are completed", async () => {
    const submitter = new SteadySubmitter(mesh, "redis-killed");
    await submitter.acknowledges(50);
    const before = mesh.redis().pid;

    process.kill(before, "SIGKILL");
    await waitFor("another Redis runs", () => mesh.redis().pid !== before);
    await submitter.acknowledges(50);
    await redisConnected(mesh, true);
    await submitter.acknowledges(50);

    const acknowledged = await submitter.stop();
    expect(submitter.refusals).toEqual([]);
    await expectCompletedOnce(mesh.http, "redis-killed", acknowledged);
  });

  test("may be wiped: what is acknowledged and unfinished is completed all the same", async () => {
    const slow = await Promise.all(
      Array.from({ length: 150 }, () =>
        mesh.http.submit({ type: "sleep", data: { ms: 300 }, queue: "wiped" }),
      ),
    );
    const later = await mesh.http.submit({ type: "process", delayMs: 2_000, queue: "wiped" });

    const redis = new Redis(mesh.redis().url);
    await redis.flushall();
    redis.disconnect();

    const ids = [...slow, later].map(({ id }) => id);
    await waitFor("all of them are completed", async () => {
      const completed = await mesh.http.tasksOf("wiped", "completed");
      const done = new Set(completed.map(({ id }) => id));
      return ids.every((id) => done.has(id));
    });
  });

  test("may lose its data folder while many tasks wait: all of them run", async () => {
    await mesh.http.expectOk("POST", "/queues/deleted/pause");
    const ids = await submitLoad(mesh.http, { count: PENDING, queue: "deleted", type: "process" });
    await waitFor("all of them wait", async () => (await mesh.http.counts()).pending === PENDING);
    const before = mesh.redis().pid;

    // The files of a process that runs go on to exist for it alone.
    const files = path.join(mesh.dataDir, "redis", "appendonlydir");
    rmSync(files, { recursive: true, force: true, maxRetries: 5 });
    process.kill(before, "SIGKILL");
    const killedAtMs = performance.now();
    await waitFor("another Redis runs", () => mesh.redis().pid !== before);
    const startedAtMs = performance.now();
    await waitFor("it is rebuilt", async () => (await mesh.http.counts()).pending === PENDING);
    const [downMs, rebuildMs] = [startedAtMs - killedAtMs, performance.now() - startedAtMs];
    const text = `another Redis after ${downMs.toFixed()} ms, ${PENDING} tasks in it after ${rebuildMs.toFixed()} ms`;
    if (process.env["PENDING_TASKS"] !== undefined) process.stdout.write(`${text}\n`);

    await mesh.http.expectOk("POST", "/queues/deleted/resume");
    await expectCompletedOnce(mesh.http, "deleted", ids);
    expect(await contradictions(mesh)).toEqual([]);
  });

  test("is full of the truth again after a wipe: finished tasks can be read as before", async () => {
    const ids = await submitLoad(mesh.http, { count: 1_000, queue: "kept", type: "process" });
    await expectCompletedOnce(mesh.http, "kept", ids);
    const counts = await mesh.http.counts();

    const redis = new Redis(mesh.redis().url);
    await redis.flushall();
    redis.disconnect();

    await waitFor("the counts are as before", async () => {
      const now = await mesh.http.counts();
      return now.completed === counts.completed && now;
    });
    await expectCompletedOnce(mesh.http, "kept", ids);
  });
});

describe("a Redis that REDIS_URL names", { timeout: 90_000 }, () => {
  let mesh: MeshProcess;
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await RedisServer.start({ appendOnly: true });
    mesh = await MeshProcess.start({ env: { REDIS_URL: redis.url } });
  }, 120_000);
  afterAll(async () => {
    await mesh.close();
    await redis.stop();
  }, 60_000);

  test("may be away for a while: submissions go on being accepted, and all are completed", async () => {
    const submitter = new SteadySubmitter(mesh, "redis-away");
    await submitter.acknowledges(50);

    await redis.kill();
    await redisConnected(mesh, false);
    await submitter.acknowledges(200);
    await redis.restart();
    await redisConnected(mesh, true);
    await submitter.acknowledges(50);

    const acknowledged = await submitter.stop();
    expect(submitter.refusals).toEqual([]);
    await expectCompletedOnce(mesh.http, "redis-away", acknowledged);
    expect(await contradictions(mesh)).toEqual([]);
  });

  test("is left running, and its keys stay, when up ends", async () => {
    const { code } = await mesh.signal("SIGINT");

    expect(code).toBe(0);
    const client = new Redis(redis.url);
    expect(await client.ping()).toBe("PONG");
    expect(await client.dbsize()).toBeGreaterThan(0);
    client.disconnect();
  });
});
