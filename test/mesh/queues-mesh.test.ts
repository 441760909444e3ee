// Queues on a mesh of real nodes: what is set for one holds on all of them, whoever leads.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ProblemView, TaskView } from "../support/mesh-http.js";
import { startMesh, type TestMesh } from "../support/start-mesh.js";
import { waitFor } from "../support/wait-for.js";

interface QueueView {
  readonly name: string;
  readonly paused: boolean;
  readonly concurrency: number | null;
  readonly rate: { readonly count: number; readonly perMs: number; readonly burst: number } | null;
  readonly weight: number;
  readonly counts: Readonly<Record<string, number>> | null;
}

/** Bound of how late a node begins what it was given, beside another that was at once. */
const LATE_MS = 1_000;

let mesh: TestMesh;
beforeAll(async () => {
  mesh = await startMesh();
}, 60_000);
afterAll(() => mesh.close(), 60_000);

const put = (name: string, body: unknown) =>
  mesh.http.call<QueueView & ProblemView>("PUT", `/queues/${name}`, body);
const get = (name: string) => mesh.http.expectOk<QueueView>("GET", `/queues/${name}`);
const act = (name: string, action: "pause" | "resume") =>
  mesh.http.expectOk<QueueView>("POST", `/queues/${name}/${action}`);

async function submit(queue: string, count: number, task: object): Promise<void> {
  const items = Array.from({ length: count }, () => ({ ...task, queue }));
  await mesh.http.expectOk("POST", "/tasks/batch", items);
}

const allEnded = (queue: string, count: number) =>
  waitFor(
    `${count} tasks of ${queue} have ended`,
    async () => (await get(queue)).counts?.["completed"] === count,
    60_000,
  );

/** Most tasks that ran at a time, by their recorded times. */
function mostAtATime(tasks: readonly TaskView[]): number {
  const changes = tasks.flatMap(({ startedAt, finishedAt }) => [
    { atMs: Date.parse(startedAt ?? ""), change: 1 },
    { atMs: Date.parse(finishedAt ?? ""), change: -1 },
  ]);
  // Within one millisecond an end comes before the start that took its place.
  changes.sort((a, b) => a.atMs - b.atMs || a.change - b.change);
  let running = 0;
  return Math.max(...changes.map(({ change }) => (running += change)));
}

/** The leader is killed, and comes back once another leads. */
async function killLeader(): Promise<void> {
  const leader = await mesh.leader();
  mesh.kill(leader);
  await waitFor("another leads", () => {
    const now = mesh.leaderNow();
    return now !== undefined && now !== leader;
  });
  await mesh.restart(leader);
  await mesh.whole(3);
}

describe("named queues", { timeout: 120_000 }, () => {
  test("stay paused under load when the leader is lost, and others go on", async () => {
    await submit("held", 200, { type: "sleep", data: { ms: 50 } });
    await submit("free", 200, { type: "sleep", data: { ms: 50 } });

    const paused = await act("held", "pause");
    // Whatever is begun later has a fence beyond it: a node may begin late what it was given before.
    const { commitIndex } = await mesh.http.cluster();
    await killLeader();
    await submit("held", 10, { type: "process" });
    await allEnded("free", 200);

    expect(paused).toMatchObject({ name: "held", paused: true });
    const fences = (await mesh.http.tasksOf("held")).map(({ fence }) => fence ?? 0);
    expect(Math.max(...fences)).toBeLessThanOrEqual(commitIndex);
    const health = await mesh.http.expectOk<{
      queues: { queues: { name: string; paused: boolean }[] };
    }>("GET", "/health");
    expect(health.queues.queues).toContainEqual(
      expect.objectContaining({ name: "held", paused: true }),
    );
    expect((await get("held")).counts?.["pending"]).toBeGreaterThan(0);

    await act("held", "resume");
    await allEnded("held", 210);
  });

  test("run as many tasks at a time as allowed over all nodes, and never more", async () => {
    await put("three", { concurrency: 3 });
    const task = { type: "sleep", data: { ms: 40 } };
    await submit("three", 60, task);
    await waitFor(
      "some have run",
      async () => ((await get("three")).counts?.["completed"] ?? 0) > 9,
    );
    await killLeader();
    await allEnded("three", 60);
    const before = new Set((await mesh.http.tasksOf("three")).map(({ id }) => id));
    await submit("three", 30, task);
    await allEnded("three", 90);

    const tasks = await mesh.http.tasksOf("three");
    expect(mostAtATime(tasks)).toBe(3);
    // What the killed node ran has let go of its places.
    expect(mostAtATime(tasks.filter(({ id }) => !before.has(id)))).toBe(3);
    expect(new Set(tasks.map(({ workerId }) => workerId)).size).toBeGreaterThan(1);
  });

  test("start no more tasks in any time than their rate says, also over a change of leader", async () => {
    const rate = { count: 10, perMs: 1_000, burst: 2 };
    expect((await put("slow", { rate })).body).toMatchObject({
      rate,
      concurrency: null,
      weight: 1,
    });
    await submit("slow", 30, { type: "process" });
    await mesh.http.expectOk("POST", "/cluster/transfer", {});
    await allEnded("slow", 30);

    const starts = (await mesh.http.tasksOf("slow"))
      .map(({ startedAt }) => Date.parse(startedAt ?? ""))
      .sort((a, b) => a - b);
    // What is recorded is when a node began: up to a moment after the log let it.
    const over = starts.filter((startMs, from) =>
      starts.some((endMs, to) => {
        const given = ((endMs - startMs + 1 + LATE_MS) * rate.count) / rate.perMs;
        return to > from && to - from + 1 >= rate.burst + given;
      }),
    );
    expect(over).toEqual([]);
  });

  test("are listed by name with what is set for them and their tasks by state", async () => {
    await put("listed-a", { weight: 7 });
    await submit("listed-b", 3, { type: "process" });
    await submit("listed-b", 2, { type: "process", delayMs: 3_600_000 });
    await submit("listed-b", 1, { type: "fail", maxAttempts: 1 });
    await waitFor("they have ended", async () => {
      const { counts } = await get("listed-b");
      return counts?.["completed"] === 3 && counts["dead"] === 1;
    });

    const first = await mesh.http.expectOk<{ queues: QueueView[]; nextCursor: string | null }>(
      "GET",
      "/queues?limit=1&cursor=listed",
    );
    const rest = await mesh.http.expectOk<{ queues: QueueView[] }>(
      "GET",
      `/queues?cursor=${first.nextCursor ?? ""}`,
    );

    const none = { scheduled: 0, pending: 0, running: 0, completed: 0, dead: 0, cancelled: 0 };
    expect(first.queues).toEqual([
      { name: "listed-a", paused: false, concurrency: null, rate: null, weight: 7, counts: none },
    ]);
    expect(rest.queues[0]).toMatchObject({
      name: "listed-b",
      weight: 1,
      counts: { ...none, scheduled: 2, completed: 3, dead: 1 },
    });
    await put("listed-a", {});
    expect(await get("listed-a")).toMatchObject({ weight: 1 });
  });

  test.each([
    ["unknown field", { colour: 1 }, "colour"],
    ["no tasks at a time", { concurrency: 0 }, "concurrency"],
    ["a rate without time", { rate: { count: 1 } }, "rate.perMs"],
    ["weight", { weight: 1_001 }, "weight"],
  ])("refuse what is wrong, and name it: %s", async (_what, body, field) => {
    const answer = await put("refused", body);

    expect([answer.status, answer.body.field]).toEqual([422, field]);
  });

  test("need a name that is one", async () => {
    const { status, body } = await put("a%20b", {});

    expect([status, body.field]).toEqual([422, "name"]);
  });
});
