// Whatever becomes of Redis while it is used: the mesh says why it is degraded, takes and runs tasks
// all the same, and is healthy again by itself, with nothing lost and nothing done twice.
import { afterAll, expect } from "vitest";
import { submitLoad } from "../../support/mesh-load.js";
import { meshStories } from "../../support/mesh-stories.js";
import { RedisProxy } from "../../support/redis-proxy.js";
import { RedisServer, SLOW_LOADING } from "../../support/redis-server.js";
import type { TestMesh } from "../../support/start-mesh.js";
import { waitFor } from "../../support/wait-for.js";

const PASSWORD = "first";
/** Acknowledged while Redis is in trouble. */
const MEANWHILE = 30;

let proxy: RedisProxy;
afterAll(() => proxy.close());

const story = meshStories(async () => {
  const args = ["--enable-debug-command", "yes"];
  const server = await RedisServer.start({ appendOnly: true, password: PASSWORD, args });
  proxy = await RedisProxy.start(server);
  return { redis: { server, settings: { url: proxy.url, password: PASSWORD } } };
});

interface Trouble {
  readonly begin: (redis: RedisServer) => unknown;
  /** Seen in /health. */
  readonly reason: RegExp;
  /** Where it does not end by itself. */
  readonly end?: (redis: RedisServer) => unknown;
}

/** Under load from before it begins until all is well again. */
async function suffer(mesh: TestMesh, { begin, reason, end }: Trouble): Promise<void> {
  const from = mesh.history.submissions.length;
  const load = mesh.load();
  await mesh.workGoesOn(MEANWHILE);

  const begun = begin(mesh.redis);
  await mesh.degraded(reason);
  await mesh.workGoesOn(MEANWHILE);
  await begun;
  await end?.(mesh.redis);
  await mesh.healthy();

  await mesh.workGoesOn(MEANWHILE);
  await load.stop();
  const submissions = mesh.history.submissions.slice(from);
  expect(submissions.filter(({ kind }) => kind !== "acknowledged")).toEqual([]);
}

story("its password is changed, and those that are connected are thrown out", (mesh) =>
  suffer(mesh, {
    begin: (redis) => redis.changePassword("second"),
    reason: /do not reach Redis: WRONGPASS/,
    end: (redis) => redis.changePassword(PASSWORD),
  }),
);

story("it is full", (mesh) =>
  suffer(mesh, {
    begin: (redis) => redis.set("maxmemory", 1),
    reason: /behind the log: .*OOM/,
    end: (redis) => redis.set("maxmemory", 0),
  }),
);

story("it becomes a replica that cannot be written to", (mesh) =>
  suffer(mesh, {
    begin: (redis) => redis.ask((client) => client.replicaof("127.0.0.1", 1)),
    reason: /READONLY/,
    end: (redis) => redis.ask((client) => client.replicaof("NO", "ONE")),
  }),
);

story("it takes no writes for want of replicas", (mesh) =>
  suffer(mesh, {
    begin: (redis) => redis.set("min-replicas-to-write", 1),
    reason: /behind the log: .*NOREPLICAS/,
    end: (redis) => redis.set("min-replicas-to-write", 0),
  }),
);

story("it does nothing else for 3 seconds", (mesh) =>
  suffer(mesh, {
    begin: (redis) => redis.ask((client) => client.call("DEBUG", "SLEEP", "3")),
    reason: /Redis/,
  }),
);

story("it is frozen", (mesh) =>
  suffer(mesh, {
    begin: (redis) => redis.freeze(),
    reason: /do not reach Redis/,
    end: (redis) => redis.thaw(),
  }),
);

story("it is killed and started again, and loads its data for a while", async (mesh) => {
  await submitLoad(mesh.http, { count: 1_500, queue: "loading", type: "process" });
  await mesh.redis.compact();
  await suffer(mesh, {
    begin: (redis) => redis.restart(SLOW_LOADING),
    reason: /do not reach Redis: LOADING/,
  });
});

story("it is flushed again and again", async (mesh) => {
  const from = mesh.history.submissions.length;
  const load = mesh.load();
  for (let time = 0; time < 3; time += 1) {
    await mesh.workGoesOn(MEANWHILE);
    await mesh.wipeRedis();
  }
  await mesh.workGoesOn(MEANWHILE);
  await mesh.healthy();
  await load.stop();
  const submissions = mesh.history.submissions.slice(from);
  expect(submissions.filter(({ kind }) => kind !== "acknowledged")).toEqual([]);
});

story("connections break when a script is done and its answer on its way", async (mesh) => {
  const from = mesh.history.submissions.length;
  const load = mesh.load();
  for (let time = 1; time <= 10; time += 1) {
    await mesh.workGoesOn(5);
    proxy.loseAnswers(2);
    await waitFor("the answers are lost", () => proxy.lost >= 2 * time);
  }
  await mesh.healthy();
  await load.stop();
  const submissions = mesh.history.submissions.slice(from);
  expect(submissions.filter(({ kind }) => kind !== "acknowledged")).toEqual([]);
});
