// Redis keeps the mesh's scripts from a command, or somebody writes over its keys: what a script left half
// done is not believed, by this leader or the next, and in the end nothing acknowledged is missing.
import { Redis } from "ioredis";
import { afterAll, expect } from "vitest";
import { RedisKeys } from "../../../src/queue/redis/keys.js";
import { meshStories } from "../../support/mesh-stories.js";
import { RedisServer } from "../../support/redis-server.js";
import type { TestMesh } from "../../support/start-mesh.js";
import { waitFor } from "../../support/wait-for.js";

const keys = new RedisKeys("test");
let server: RedisServer;
let admin: Redis;

const story = meshStories(async () => {
  server = await RedisServer.start({ appendOnly: true });
  admin = new Redis(server.url);
  await allow();
  return { redis: { server, settings: { url: `redis://mesh:any@127.0.0.1:${server.port}` } } };
});
afterAll(() => admin.disconnect());

async function allow(...rules: string[]): Promise<void> {
  await admin.call("ACL", "SETUSER", "mesh", "on", "nopass", "~*", "&*", "+@all", ...rules);
}

interface Answer {
  readonly status: number;
  readonly id: string;
}

/** Sends tasks with idempotency keys until each is acknowledged; none is acknowledged twice. */
function submitKeyed(mesh: TestMesh, name: string, count: number): Promise<string>[] {
  const send = async (idempotencyKey: string): Promise<Answer> => {
    const item = { type: "hold", data: { ms: 0 }, idempotencyKey };
    const { status, body } = await mesh.http.call<{ id: string }>("POST", "/tasks", item);
    return { status, id: body.id };
  };
  return Array.from({ length: count }, (_, at) =>
    waitFor("it is acknowledged", async () => {
      const { status, id } = await send(`${name}-${at}`);
      return [200, 201].includes(status) && id;
    }),
  );
}

async function allCompleted(mesh: TestMesh, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    await waitFor(`${id} completed`, async () => {
      return (await mesh.http.task(id)).status === "completed";
    });
  }
  expect(new Set(ids).size).toBe(ids.length);
  const verified = await mesh.http.expectOk<{ contradictions: unknown }>("POST", "/cluster/verify");
  expect(verified).toMatchObject({ consistent: true, contradictions: [] });
}

for (const right of ["-@stream", "-zadd", "-set"]) {
  story(`its user may not do all any more, and then may again: ${right}`, async (mesh) => {
    const load = mesh.load();
    await mesh.workGoesOn(10);
    await allow(right);
    const keyed = submitKeyed(mesh, right, 6);
    await mesh.degraded(/NOPERM/);
    await mesh.workGoesOn(10);

    await allow();

    await mesh.healthy();
    await load.stop();
    await allCompleted(mesh, await Promise.all(keyed));
  });
}

story("the next leader finds what the last one's script left half done", async (mesh) => {
  const leader = await mesh.leader();
  const load = mesh.load();
  await mesh.workGoesOn(5);
  await load.stop();
  await allow("-xadd");
  const keyed = submitKeyed(mesh, "next", 6);
  await mesh.degraded(/NOPERM/);
  expect(await admin.get(keys.applied)).toMatch(/^-1 /);
  mesh.kill(leader);
  await mesh.leaderAmong([...mesh.nodes.keys()]);

  await allow();

  await mesh.restart(leader);
  await mesh.healthy();
  await allCompleted(mesh, await Promise.all(keyed));
});

story("somebody puts keys of other types in the place of the mesh's", async (mesh) => {
  const load = mesh.load();
  for (const key of [keys.all, keys.running, keys.applied, keys.completed, `${keys.prefix}dump`]) {
    await mesh.workGoesOn(10);
    await admin.multi().del(key).rpush(key, "mine").exec();
    await mesh.workGoesOn(10);
    await waitFor("it is the mesh's again", async () => (await admin.type(key)) !== "list");
    await mesh.healthy();
  }
  await load.stop();
});

story(
  "a task that waits is missing in Redis: it is there again when its turn comes",
  async (mesh) => {
    const load = mesh.load();
    await mesh.workGoesOn(5);
    await load.stop();
    const blocked = await mesh.http.submit({ type: "hold", data: { ms: 0 }, delayMs: 2_000 });
    await waitFor("it is in Redis", async () => (await admin.exists(keys.task(blocked.id))) === 1);
    await admin.del(keys.task(blocked.id));

    await waitFor("it completed", async () => {
      const { status, body } = await mesh.http.call<{ status: string }>(
        "GET",
        `/tasks/${blocked.id}`,
      );
      return status === 200 && body.status === "completed";
    });
  },
);
