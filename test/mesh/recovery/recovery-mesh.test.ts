// All disks but one are lost, or all of them: what can be had back is had back, and said to be what it is.
import { status } from "@grpc/grpc-js";
import { rm } from "node:fs/promises";
import path from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { backUp } from "../../../src/mesh/recovery/backup.js";
import {
  obstacleOf,
  planFromSurvivor,
  recoverFromRedis,
  recoverFromSurvivor,
  restoreBackup,
} from "../../../src/mesh/recovery/recovery.js";
import type { RedisPlace } from "../../../src/mesh/recovery/redis-evidence.js";
import { createLogger } from "../../../src/telemetry/logger.js";
import { COMPACTING } from "../../support/compacting.js";
import { startMesh, type TestMesh } from "../../support/start-mesh.js";
import { waitFor } from "../../support/wait-for.js";

const PATIENCE_MS = 60_000;
vi.setConfig({ testTimeout: 2 * PATIENCE_MS });

let mesh: TestMesh;
afterEach(() => mesh.close(), 60_000);

const folders = (): string => path.join(mesh.config.nodes.dataDir, "nodes");
const folderOf = (id: string): string => path.join(folders(), id);
const place = (): RedisPlace => ({
  endpoint: { url: mesh.redis.url },
  mesh: "test",
  timeoutMs: 2_000,
  logger: createLogger({ log: { level: "silent", format: "json" } }),
});

/** Every process ends; the disks of those that are named are lost with them. */
async function disaster(...lost: readonly string[]): Promise<void> {
  const all = [...mesh.nodes.keys()];
  for (const id of all) mesh.kill(id);
  await mesh.ended();
  for (const id of lost) await rm(folderOf(id), { recursive: true });
}

/** Registrations outlive a process for some seconds. */
async function planOf(id: string) {
  return waitFor(
    "nobody is seen alive",
    async () => {
      const plan = await planFromSurvivor(folderOf(id), place());
      const obstacle = obstacleOf(plan);
      if (obstacle !== undefined) throw new Error(obstacle);
      return plan;
    },
    PATIENCE_MS,
  );
}

async function statusesOf(ids: readonly string[]): Promise<string[]> {
  const tasks = await Promise.all(ids.map((id) => mesh.http.task(id)));
  return [...new Set(tasks.map(({ status }) => status))];
}

/** Whether a node knows no such task. This gateway has acknowledged it, and waits for its entry. */
function isGone(node: string, id: string): Promise<boolean> {
  const request = { id, waitMs: 0, linearizable: false, minIndex: 0 };
  return new Promise((resolve) => {
    mesh.at(node).tasks.getTask(request, (error) => resolve(error?.code === status.NOT_FOUND));
  });
}

const LATER = { type: "note", delayMs: 3_600_000 };

test("a survivor's disk becomes a mesh that has all that was acknowledged, and grows again", async () => {
  mesh = await startMesh();
  const later = (await mesh.submitMany(5, LATER)).map(({ id }) => id);
  await mesh.http.expectOk("POST", "/queues/mail/pause");
  await disaster("n1", "n3");

  const plan = await planOf("n2");
  expect(plan.others.map(({ id, told }) => `${id} ${told}`)).toEqual([
    "n1 does not answer",
    "n3 does not answer",
  ]);
  await recoverFromSurvivor(folderOf("n2"));

  await mesh.restart("n2");
  await Promise.all([mesh.restart("n1"), mesh.restart("n3")]);
  await mesh.whole(3);
  expect(await statusesOf(later)).toEqual(["scheduled"]);
  for (const { id } of await mesh.submitMany(20, { type: "note" })) {
    expect((await mesh.http.ended(id)).status).toBe("completed");
  }
  expect(await mesh.contradictions()).toEqual([]);
  expect(await mesh.http.expectOk("GET", "/queues/mail")).toMatchObject({ paused: true });
});

test("a survivor is left alone while another voter lives", async () => {
  mesh = await startMesh();
  mesh.kill("n2");
  await mesh.ended();

  const plan = await planFromSurvivor(folderOf("n2"), place());

  expect(obstacleOf(plan)).toContain("answers as n1");
});

test("what a survivor lacks is told by Redis, and Redis then shows what the survivor has", async () => {
  mesh = await startMesh();
  await mesh.leaderAmong(["n1", "n2", "n3"]);
  const behind = await mesh.follower();
  const [kept] = await mesh.submitMany(1, LATER);
  await waitFor(`${behind} has it`, async () => {
    const { members } = await mesh.http.cluster();
    const indexes = members.map(({ matchIndex }) => matchIndex);
    return Math.min(...indexes) === Math.max(...indexes);
  });
  mesh.faults.isolate(behind);
  const lost = (await mesh.submitMany(3, LATER)).map(({ id }) => id);
  await waitFor("Redis shows them", async () => (await statusesOf(lost)).length === 1);
  await disaster(...["n1", "n2", "n3"].filter((id) => id !== behind));

  const plan = await planOf(behind);
  expect(plan.redis?.index).toBeGreaterThan(plan.remains.lastIndex);
  expect(plan.redis?.tasksPast.ids).toEqual(expect.arrayContaining(lost));
  await recoverFromSurvivor(folderOf(behind));

  mesh.faults.heal();
  await mesh.restart(behind);
  await mesh.whole(1);
  await mesh.healthy();
  await waitFor("Redis has what the survivor has", async () => {
    return (await statusesOf([kept?.id ?? ""]))[0] === "scheduled";
  });
  for (const id of lost) {
    await waitFor(`${id} is gone`, () => isGone(behind, id));
  }
  expect(await mesh.contradictions()).toEqual([]);
});

test("a backup that was made under load is restored whole, whatever became of Redis", async () => {
  mesh = await startMesh({ raft: COMPACTING });
  const load = mesh.load();
  const later = (await mesh.submitMany(5, LATER)).map(({ id }) => id);
  const file = path.join(mesh.config.nodes.dataDir, "backup.tgz");
  await mesh.workGoesOn(100);
  const leader = await mesh.leader();
  for (let round = 0; round < 5; round += 1) {
    const now = (): Date => new Date();
    await backUp({ folder: folderOf(leader), file, mesh: "test", version: "0.0.0", now });
    await mesh.workGoesOn(50);
  }
  await load.stop();
  await disaster("n1", "n2", "n3");
  await mesh.wipeRedis();

  const { manifest, folder } = await restoreBackup(file, folders());
  await recoverFromSurvivor(folder);

  expect(manifest.nodeId).toBe(leader);
  await mesh.restart(leader);
  await mesh.whole(1);
  await waitFor("Redis is restored", async () => (await statusesOf(later))[0] === "scheduled");
  expect(await mesh.contradictions()).toEqual([]);
});

test("where no disk is left, Redis gives back the tasks, what ran runs again, and what was set is set", async () => {
  mesh = await startMesh();
  const later = (await mesh.submitMany(5, LATER)).map(({ id }) => id);
  const running = (await mesh.submitMany(3, { type: "hold", data: { ms: 300 } })).map(
    ({ id }) => id,
  );
  await mesh.http.expectOk("POST", "/queues/mail/pause");
  await waitFor("Redis has what was set", () =>
    mesh.redis.ask(async (client) => (await client.exists("{tm:test}:settings")) === 1),
  );
  await waitFor("Redis shows them all", async () => {
    const { scheduled } = await mesh.http.counts();
    return scheduled === 5;
  });
  await disaster("n1", "n2", "n3");

  const options = { place: place(), folder: folderOf("n1"), nodeId: "n1", nowMs: Date.now() };
  await waitFor(
    "nobody is registered any more",
    () => recoverFromRedis({ ...options, address: mesh.addressOf("n1") }),
    PATIENCE_MS,
  );

  await mesh.restart("n1");
  await mesh.whole(1);
  expect(await statusesOf(later)).toEqual(["scheduled"]);
  for (const id of running) expect((await mesh.http.ended(id)).status).toBe("completed");
  expect(await mesh.http.expectOk("GET", "/queues/mail")).toMatchObject({ paused: true });
  expect(await mesh.contradictions()).toEqual([]);
});
