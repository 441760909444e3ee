// POST /cluster/verify on a mesh of real nodes: nothing to tell under load, and every tampering told.
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TaskStatus } from "../../src/gen/mesh/v1/task.js";
import { RedisKeys } from "../../src/queue/redis/keys.js";
import { startMesh, type TestMesh } from "../support/start-mesh.js";
import { waitFor } from "../support/wait-for.js";

interface Verified {
  readonly consistent: boolean;
  readonly tasks: number;
  readonly assignments: number;
  readonly contradictionCount: number;
  readonly contradictions: readonly { readonly taskId: string | null; readonly text: string }[];
}

const keys = new RedisKeys("test");
let mesh: TestMesh;
let redis: Redis;
beforeAll(async () => {
  mesh = await startMesh();
  redis = new Redis(mesh.redis.url);
}, 60_000);
afterAll(async () => {
  redis.disconnect();
  await mesh.close();
}, 60_000);

const verify = (): Promise<Verified> => mesh.http.expectOk("POST", "/cluster/verify");

/** A task that is running for as long as the test needs it. */
async function running(): Promise<string> {
  const { id } = await mesh.http.submit({ type: "hold", data: { ms: 60_000 } });
  await waitFor("it runs", async () => (await mesh.http.task(id)).status === "running");
  return id;
}

describe("an audit of the mesh", { timeout: 60_000 }, () => {
  test("finds nothing while tasks come, run and end", async () => {
    const items = Array.from({ length: 300 }, (_, at) => ({ type: "hold", data: { ms: at % 50 } }));
    const load = mesh.http.expectOk("POST", "/tasks/batch", items);

    const seen: Verified[] = [];
    await waitFor("all is done", async () => {
      seen.push(await verify());
      const { pending, running: now } = await mesh.http.counts();
      return pending + now === 0;
    });

    await load;
    expect(seen.flatMap(({ contradictions }) => contradictions)).toEqual([]);
    expect(seen.some(({ assignments }) => assignments > 0)).toBe(true);
    // Acknowledged is in the log; Redis follows.
    await waitFor("it has seen all of them", async () => (await verify()).tasks === 300);
  });

  test("finds a task that is lost in Redis with all that told of it, and takes nothing else for lost", async () => {
    const keyed = { type: "hold", data: { ms: 0 }, delayMs: 600_000, idempotencyKey: "lost" };
    const { id } = await mesh.http.submit(keyed);
    const ended = await mesh.http.submit({ type: "hold", data: { ms: 0 } });
    await waitFor(
      "it is done",
      async () => (await mesh.http.task(ended.id)).status === "completed",
    );
    expect(await verify()).toMatchObject({ contradictions: [] });
    const sets = [keys.all, keys.scheduled, keys.due];
    const state = await redis.getBuffer(keys.task(id));
    const places = await Promise.all(sets.map((set) => redis.zscore(set, id)));
    await redis.del(keys.task(id), keys.task(ended.id));
    for (const set of [...sets, keys.completed, keys.endedCompleted]) {
      await redis.zrem(set, id, ended.id);
    }
    await redis.zincrby(keys.counts("default"), -1, String(TaskStatus.SCHEDULED));
    await redis.zincrby(keys.counts("default"), -1, String(TaskStatus.COMPLETED));

    const { contradictions } = await verify();

    const text = "is unfinished by the log, and not in Redis";
    expect(contradictions).toEqual([{ taskId: id, text }]);
    await redis.set(keys.task(id), state ?? "");
    await Promise.all(sets.map((set, at) => redis.zadd(set, places[at] ?? "", id)));
    await redis.zincrby(keys.counts("default"), 1, String(TaskStatus.SCHEDULED));
    expect(await verify()).toMatchObject({ contradictions: [] });
  });

  test("finds a count that is wrong, and no other, while tasks come, run and end", async () => {
    const { id } = await mesh.http.submit({ type: "hold", data: { ms: 0 }, queue: "quiet" });
    await waitFor("it is done", async () => (await mesh.http.task(id)).status === "completed");
    await redis.zincrby(keys.counts("quiet"), 1, String(TaskStatus.COMPLETED));
    const items = Array.from({ length: 300 }, (_, at) => ({ type: "hold", data: { ms: at % 50 } }));
    const load = mesh.http.expectOk("POST", "/tasks/batch", items);

    const { contradictions } = await verify();

    await load;
    const text = "2 completed tasks are counted in the queue quiet, which has 1";
    expect(contradictions).toEqual([{ taskId: null, text }]);
    await redis.zincrby(keys.counts("quiet"), -1, String(TaskStatus.COMPLETED));
  });

  test("finds a task that runs and that Redis does not know as running", async () => {
    const id = await running();
    await redis.del(keys.task(id));

    const { consistent, contradictions } = await verify();

    expect(consistent).toBe(false);
    const texts = contradictions.filter(({ taskId }) => taskId === id).map(({ text }) => text);
    expect(texts).toContain("is listed in running, and is no task");
    expect(texts.some((text) => /^is run by n\d .* does not run in Redis$/.test(text))).toBe(true);
  });

  test("finds a task that runs in Redis alone", async () => {
    const id = await running();
    const state = (await redis.getBuffer(keys.task(id))) ?? Buffer.alloc(0);
    await mesh.http.expectOk("DELETE", `/tasks/${id}`);

    await redis.set(keys.task(id), state);

    const { contradictions } = await verify();
    const texts = contradictions.filter(({ taskId }) => taskId === id).map(({ text }) => text);
    expect(texts.some((text) => /^runs on n\d .* without an owner$/.test(text))).toBe(true);
  });

  test("finds an applied index that the log does not know", async () => {
    const before = (await redis.get(keys.applied)) ?? "";
    const [index, , last] = before.split(" ");
    await redis.set(keys.applied, `${index ?? ""} 999 ${last ?? ""}`);

    const { contradictions } = await verify();

    expect(contradictions.some(({ text }) => text.includes("of term 999"))).toBe(true);
    await redis.set(keys.applied, before);
  });
});
