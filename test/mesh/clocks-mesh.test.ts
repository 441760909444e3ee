// A mesh whose clocks are wrong: what is timed goes on, nothing is removed, and people are told.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { TaskView } from "../support/mesh-http.js";
import { startMesh, type TestMesh } from "../support/start-mesh.js";
import { waitFor } from "../support/wait-for.js";

const DAY_MS = 86_400_000;

let mesh: TestMesh;
beforeAll(async () => {
  mesh = await startMesh();
}, 60_000);
afterEach(async () => {
  for (const id of mesh.nodes.keys()) mesh.clocksOf(id).aheadMs = 0;
  await mesh.healthy();
});
afterAll(() => mesh.close(), 60_000);

const submit = (task: Readonly<Record<string, unknown>>) =>
  mesh.http.expectOk<TaskView>("POST", "/tasks", { type: "note", ...task });
const done = async (task: Readonly<Record<string, unknown>>): Promise<TaskView> =>
  mesh.http.ended((await submit(task)).id);
/** How far a time is from now, milliseconds. */
const distanceMs = (time: string): number => Math.abs(Date.parse(time) - Date.now());

/** Delays, retries, deadlines, rates and schedules come true, whatever the clocks show. */
async function timersGoOn(name: string): Promise<void> {
  const cron = { cron: "* * * * * *", task: { type: "note", queue: name } };
  await mesh.http.expectOk("PUT", `/schedules/${name}`, cron);
  await mesh.http.expectOk("PUT", `/queues/${name}-rate`, { rate: { count: 1, perMs: 200 } });
  const [delayed, dead, ...inTurn] = await Promise.all([
    done({ delayMs: 500 }),
    done({ delayMs: 60, deadlineMs: 400, type: "hold", data: { ms: 60_000 } }),
    ...Array.from({ length: 3 }, () => done({ queue: `${name}-rate` })),
  ]);
  expect(delayed.status).toBe("completed");
  expect(dead.status).toBe("dead");
  expect(inTurn.map(({ status }) => status)).toEqual(["completed", "completed", "completed"]);
  for (const { createdAt, finishedAt } of [delayed, dead, ...inTurn]) {
    expect(distanceMs(createdAt)).toBeLessThan(60_000);
    expect(distanceMs(finishedAt ?? "")).toBeLessThan(60_000);
  }
  await waitFor("occurrences come", async () => {
    const { fired } = await mesh.http.expectOk<{ fired: number }>("GET", `/schedules/${name}`);
    return fired >= 2;
  });
  await mesh.http.expectOk("DELETE", `/schedules/${name}`);
}

describe("a leader whose clock is set", { timeout: 60_000 }, () => {
  test("400 days ahead removes nothing, forgets no key, holds nothing up, and is told of", async () => {
    const leader = await mesh.leader();
    const kept = await done({ idempotencyKey: "kept" });
    mesh.clocksOf(leader).aheadMs = 400 * DAY_MS;

    await mesh.degraded(new RegExp(`the clock of node ${leader} is 400 days ahead`));
    await timersGoOn("ahead");

    mesh.clocksOf(leader).aheadMs = 0;
    await mesh.healthy();
    await timersGoOn("right-again");
    expect(await mesh.http.task(kept.id)).toMatchObject({ status: "completed" });
    expect((await submit({ idempotencyKey: "kept" })).id).toBe(kept.id);
  });

  test("a minute back holds nothing up", async () => {
    mesh.clocksOf(await mesh.leader()).aheadMs = -60_000;

    await timersGoOn("back");
  });
});

describe("a node whose clock is wrong", { timeout: 60_000 }, () => {
  test("leads by the others' clocks", async () => {
    const next = await mesh.follower();
    mesh.clocksOf(next).aheadMs = 400 * DAY_MS;
    await mesh.degraded(new RegExp(`the clock of node ${next} is 400 days ahead`));
    await mesh.http.expectOk("POST", "/cluster/transfer", { to: next });

    await timersGoOn("elected");
    await mesh.degraded(new RegExp(`the clock of node ${next} is 400 days ahead`));
  });

  test("tells wrong times of its tasks: they ended when log time says so, and are kept", async () => {
    mesh.clocksOf(await mesh.follower()).aheadMs = -400 * DAY_MS;

    const tasks = await Promise.all(Array.from({ length: 12 }, () => done({})));

    for (const { finishedAt } of tasks) expect(distanceMs(finishedAt ?? "")).toBeLessThan(60_000);
  });
});
