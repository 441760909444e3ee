// Schedules on a mesh of real nodes: each occurrence becomes one task, whoever leads.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ProblemView, TaskView } from "../support/mesh-http.js";
import { startMesh, type TestMesh } from "../support/start-mesh.js";
import { waitFor } from "../support/wait-for.js";

interface ScheduleView {
  readonly name: string;
  readonly cron: string;
  readonly timezone: string;
  readonly task: Record<string, unknown>;
  readonly paused: boolean;
  readonly misfire: string;
  readonly nextAt: string | null;
  readonly lastTaskId: string | null;
  readonly fired: number;
}
interface ScheduleList {
  readonly schedules: readonly ScheduleView[];
  readonly nextCursor: string | null;
}

let mesh: TestMesh;
beforeAll(async () => {
  mesh = await startMesh();
}, 60_000);
afterAll(() => mesh.close(), 60_000);

const every = (cron: string, queue: string) => ({ cron, task: { type: "process", queue } });
const put = (name: string, body: unknown) =>
  mesh.http.call<ScheduleView & ProblemView>("PUT", `/schedules/${name}`, body);
const get = (name: string) => mesh.http.expectOk<ScheduleView>("GET", `/schedules/${name}`);
const remove = (name: string) =>
  mesh.http.call<ScheduleView & ProblemView>("DELETE", `/schedules/${name}`);

describe("schedules", { timeout: 60_000 }, () => {
  test("submit each occurrence once while leadership moves and a node is lost", async () => {
    expect((await put("ticking", every("* * * * * *", "ticking"))).status).toBe(201);
    const fired = (count: number) =>
      waitFor(`${count} occurrences`, async () => (await get("ticking")).fired >= count, 30_000);
    await fired(2);
    await mesh.http.expectOk("POST", "/cluster/transfer", {});
    await fired(4);
    const leader = await mesh.leader();
    await mesh.stopNode(leader);
    await fired(6);
    await mesh.startNode(leader);
    await mesh.whole(3);
    const gone = await remove("ticking");

    // Later occurrences of another schedule: had the deleted one any left, they would be there as well.
    await put("after", every("* * * * * *", "after"));
    await waitFor("others", async () => (await mesh.http.tasksOf("after")).length >= 2, 30_000);
    await remove("after");
    const tasks = await mesh.http.tasksOf("ticking");
    const seconds = tasks.map(({ runAt }: TaskView & { runAt?: string }) =>
      Date.parse(runAt ?? ""),
    );
    seconds.sort((a, b) => a - b);
    const [first = 0] = seconds;
    expect(seconds).toEqual(seconds.map((_, at) => first + at * 1_000));
    expect(tasks.length).toBe(gone.body.fired);
    for (const task of tasks) expect(task).toMatchObject({ schedule: "ticking" });
  });

  test("skip an occurrence while a task with the uniqueKey of theirs has not ended", async () => {
    const task = { type: "sleep", data: { ms: 600_000 }, queue: "unique", uniqueKey: "one" };
    expect((await put("unique", { cron: "* * * * * *", task })).status).toBe(201);

    await waitFor("three occurrences", async () => (await get("unique")).fired >= 3, 30_000);
    await remove("unique");

    const tasks = await mesh.http.tasksOf("unique");
    expect(tasks).toHaveLength(1);
    await mesh.http.expectOk("DELETE", `/tasks/${tasks[0]?.id ?? ""}`);
  });

  test("are created, replaced, listed by name and deleted", async () => {
    const nightly = {
      cron: "30 2 * * *",
      timezone: "Europe/Berlin",
      task: { type: "process", data: { report: 1 }, priority: "low", maxAttempts: 2 },
      misfire: "skip",
    };
    const created = await put("nightly", nightly);
    const again = await put("nightly", nightly);
    const replaced = await put("nightly", { ...nightly, paused: true });
    await put("nightly-2", every("@daily", "q"));

    expect([created.status, again.status, replaced.status]).toEqual([201, 200, 200]);
    expect(created.body).toMatchObject({
      name: "nightly",
      timezone: "Europe/Berlin",
      misfire: "skip",
      fired: 0,
      lastTaskId: null,
      task: { type: "process", data: { report: 1 }, queue: "default", priority: 2, maxAttempts: 2 },
    });
    expect(again.body).toEqual(created.body);
    expect(replaced.body).toMatchObject({ paused: true, nextAt: null });
    const first = await mesh.http.expectOk<ScheduleList>("GET", "/schedules?limit=1");
    const rest = await mesh.http.expectOk<ScheduleList>(
      "GET",
      `/schedules?limit=9&cursor=${first.nextCursor ?? ""}`,
    );
    expect([...first.schedules, ...rest.schedules].map(({ name }) => name)).toEqual([
      "nightly",
      "nightly-2",
    ]);
    expect(rest.nextCursor).toBeNull();
    for (const name of ["nightly", "nightly-2"]) expect((await remove(name)).status).toBe(200);
    expect((await remove("nightly")).body).toMatchObject({ status: 404, code: "not_found" });
  });

  test.each([
    ["bad cron", { cron: "61 * * * *", task: { type: "process" } }, "cron"],
    ["never", { cron: "0 0 31 2 *", task: { type: "process" } }, "cron"],
    ["zone", { cron: "* * * * *", timezone: "Mars/X", task: { type: "process" } }, "timezone"],
    ["no task", { cron: "* * * * *" }, "task"],
    ["task field", { cron: "* * * * *", task: { type: "process", delayMs: 5 } }, "task.delayMs"],
    ["after", { cron: "* * * * *", task: { type: "process", after: [] } }, "task.after"],
    ["bad task", { cron: "* * * * *", task: { type: "process", priority: 99 } }, "task.priority"],
    ["type", { cron: "* * * * *", task: { type: "nobody" } }, "task.type"],
    ["field", { cron: "* * * * *", task: { type: "process" }, colour: 1 }, "colour"],
  ])("are refused whole where something is wrong: %s", async (_, body, field) => {
    const { status, body: problem } = await put("refused", body);

    expect({ status, field: problem.field }).toEqual({ status: 422, field });
    expect((await mesh.http.call("GET", "/schedules/refused")).status).toBe(404);
  });

  test("need a name that is one", async () => {
    const { status, body } = await put("a%20b", every("@daily", "q"));

    expect({ status, field: body.field }).toEqual({ status: 422, field: "name" });
  });
});
