// Redis Sentinel makes a replica the primary that lacks the last writes: the mesh brings it to the
// truth, and every connection has come along.
import { afterAll, expect } from "vitest";
import { EventClient } from "../../support/event-client.js";
import { meshStories } from "../../support/mesh-stories.js";
import { RedisGroup } from "../../support/redis-group.js";
import type { RedisServer } from "../../support/redis-server.js";
import { standingOf } from "../../support/redis-standing.js";
import { waitFor } from "../../support/wait-for.js";

let group: RedisGroup;
afterAll(() => group.stop(), 30_000);

const story = meshStories(async () => {
  group = await RedisGroup.start("secret");
  return { redis: { server: group.first, settings: group.settings } };
});

/** Names of the mesh's connections, each as often as it is there. */
function connections(redis: RedisServer): Promise<string[]> {
  return redis.ask(async (client) => {
    const list = String(await client.call("CLIENT", "LIST"));
    return [...list.matchAll(/ name=(taskmesh-\S+)/g)].map(([, name = ""]) => name).sort();
  });
}

async function appliedIndex(redis: RedisServer): Promise<number> {
  return (await standingOf(redis, "test")).appliedIndex;
}

story("the primary is killed, and its replica lacks the last writes", async (mesh) => {
  const events = new EventClient(`${mesh.http.url}/events?only=task`);
  try {
    await waitFor("the events are open", () => events.isOpen);
    const load = mesh.load();
    await mesh.workGoesOn(50);
    const before = await connections(group.first);
    expect(before.length).toBeGreaterThanOrEqual(3 * 5 + 2);

    await group.detachReplica();
    await mesh.workGoesOn(100);
    const written = await waitFor("writes go on", () => appliedIndex(group.first));
    await group.first.kill();
    group.second.thaw();
    const found = await waitFor("the replica answers", () => appliedIndex(group.second));
    expect(found).toBeLessThan(written);
    await mesh.degraded(/Redis/);
    await mesh.workGoesOn(20);

    await group.promoted();
    await mesh.healthy();
    await waitFor("every connection has come along", async () => {
      const now = await connections(group.second);
      if (now.join() !== before.join()) throw new Error(`${now.join()} for ${before.join()}`);
      return true;
    });
    await waitFor("Redis is past where it was", async () => {
      return (await appliedIndex(group.second)) > written;
    });
    // Told by who listens for what is applied, and by who follows the events.
    const last = await mesh.submit({ type: "note" });
    const id = last?.id ?? "";
    expect((await mesh.http.ended(id)).status).toBe("completed");
    await waitFor("its end is told", () => events.statusesOf(id).includes("completed"));
    await mesh.startNode("n4");
    await mesh.whole(4);
    await load.stop();
    const refused = mesh.history.submissions.filter(({ kind }) => kind !== "acknowledged");
    expect(refused).toEqual([]);
  } finally {
    events.close();
  }
});

story("the replica is made the primary, and the old one goes on answering", async (mesh) => {
  await group.first.restart();
  await group.whole();
  const old = await group.primary();
  const load = mesh.load();
  await mesh.workGoesOn(50);
  const before = await connections(old);

  await group.promote();
  await group.promoted(group.otherThan(old));
  await waitFor("every connection has come along", async () => {
    return (await connections(group.otherThan(old))).join() === before.join();
  });

  await mesh.healthy();
  await mesh.workGoesOn(50);
  await load.stop();
});
