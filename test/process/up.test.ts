// `taskmesh up` as a user meets it: the first calls, Ctrl+C, a second start, and a death without a word.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isRunning } from "../cli/built-cli.js";
import type { HealthView, TaskView, WorkerView } from "../support/mesh-http.js";
import { isFree } from "../support/free-ports.js";
import { MeshProcess } from "../support/mesh-process.js";
import { waitFor } from "../support/wait-for.js";

let mesh: MeshProcess;
let helloId: string;

beforeAll(async () => {
  mesh = await MeshProcess.start();
}, 120_000);
afterAll(() => mesh.close(), 60_000);

describe("the first calls of a newcomer", () => {
  test("a submission is answered 201 with the task and where it is", async () => {
    const { status, headers, body } = await mesh.http.call<TaskView>("POST", "/tasks", {
      type: "process",
      data: "Hello World",
    });

    helloId = body.id;
    expect(status).toBe(201);
    expect(headers.get("location")).toBe(`/tasks/${helloId}`);
    expect(body).toMatchObject({ type: "process", data: "Hello World", queue: "default" });
  });

  test("health is healthy and names the leader", async () => {
    const health = await waitFor("all nodes are seen", async () => {
      const { status, body } = await mesh.http.call<HealthView>("GET", "/health");
      return status === 200 && body.status === "healthy" && body.workers.active === 3 && body;
    });

    expect(health.leader?.id).toMatch(/^n[123]$/);
  });

  test("the list of tasks shows it", async () => {
    const { status, body } = await mesh.http.call<{ tasks: TaskView[] }>("GET", "/tasks");

    expect(status).toBe(200);
    expect(body.tasks.map(({ id }) => id)).toEqual([helloId]);
  });

  test("waiting for it gives its result", async () => {
    const task = await mesh.http.expectOk<TaskView>("GET", `/tasks/${helloId}?wait=10s`);

    expect(task).toMatchObject({ status: "completed", attempts: 1, error: null });
    expect(task.result).toEqual({ output: "Processed: Hello World" });
    expect(task.workerId).toMatch(/^n[123]$/);
  });

  test("three workers are listed, of which one leads", async () => {
    const { body } = await mesh.http.call<{ workers: WorkerView[] }>("GET", "/workers");

    expect(body.workers.map(({ id }) => id).sort()).toEqual(["n1", "n2", "n3"]);
    expect(body.workers.map(({ role }) => role).sort()).toEqual(["follower", "follower", "leader"]);
    expect(body.workers.every(({ pid }) => isRunning(pid))).toBe(true);
  });
});

describe("the end of up", () => {
  test("Ctrl+C leaves no process, no lock and no port taken", async () => {
    const family = mesh.family();
    expect(family.length).toBeGreaterThanOrEqual(5);

    const { code } = await mesh.signal("SIGINT");

    expect(code).toBe(0);
    expect(family.filter(({ pid }) => isRunning(pid))).toEqual([]);
    expect(mesh.locks()).toEqual([]);
    expect(await Promise.all(mesh.ports.map(isFree))).toEqual([true, true, true, true]);
  });

  test("a second start on the same data finds the earlier tasks and goes on", async () => {
    await mesh.startAgain();

    expect(await mesh.http.task(helloId)).toMatchObject({ status: "completed" });
    const { id } = await mesh.http.submit({ type: "process", data: "again" });
    expect(await mesh.http.ended(id)).toMatchObject({ status: "completed" });
  });

  test("kill -9 of up leaves no child behind", async () => {
    const family = mesh.family();
    expect(family.length).toBeGreaterThanOrEqual(5);

    await mesh.signal("SIGKILL");

    await waitFor("all children are gone", () => !family.some(({ pid }) => isRunning(pid)));
  });

  test("a start after kill -9 finds what was acknowledged before", async () => {
    await mesh.startAgain();

    expect(await mesh.http.task(helloId)).toMatchObject({ status: "completed" });
    const { id } = await mesh.http.submit({ type: "process", data: "after the kill" });
    expect(await mesh.http.ended(id)).toMatchObject({ status: "completed" });
  });
});
