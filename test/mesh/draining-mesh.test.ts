// A node that is drained finishes or hands back what it runs, lets another lead and gives up its vote;
// nothing is lost by it, and started again it is back.
import { afterEach, describe, expect, test } from "vitest";
import { expectCompletedOnce, submitLoad } from "../support/mesh-load.js";
import type { ProblemView, WorkerView } from "../support/mesh-http.js";
import { startMesh, type TestMesh } from "../support/start-mesh.js";
import { waitFor } from "../support/wait-for.js";

const TIMEOUT_MS = 120_000;

let mesh: TestMesh;
afterEach(() => mesh.close(), 60_000);

const drain = (id: string): Promise<WorkerView> =>
  mesh.http.expectOk("POST", `/workers/${id}/drain`);

async function stateOf(id: string): Promise<string | undefined> {
  return (await mesh.http.workers()).find((worker) => worker.id === id)?.state;
}

const drained = (id: string): Promise<unknown> =>
  waitFor(`${id} is drained`, async () => {
    const state = await stateOf(id);
    if (state !== "drained") throw new Error(`it is ${String(state)}`);
    return true;
  });

async function voters(): Promise<string[]> {
  const { members } = await mesh.http.cluster();
  return members.flatMap(({ id, voter }) => (voter ? [id] : [])).sort();
}

describe("draining", { timeout: TIMEOUT_MS }, () => {
  test("of the leader under load hands leadership over and loses nothing", async () => {
    mesh = await startMesh({ nodes: 4, worker: { concurrency: 4 } });
    const leader = await mesh.leader();
    let isDraining = false;
    const load = submitLoad(mesh.http, {
      count: 3_000,
      queue: "drain",
      type: "note",
      batchItems: 100,
      onProgress: (acknowledged) => {
        if (isDraining || acknowledged < 600) return;
        isDraining = true;
        void drain(leader);
      },
    });

    const acknowledged = await load;
    await drained(leader);

    expect(await mesh.leader()).not.toBe(leader);
    const others = ["n1", "n2", "n3", "n4"].filter((id) => id !== leader);
    await waitFor("the others vote", async () => (await voters()).join() === others.join());
    await expectCompletedOnce(mesh.http, "drain", acknowledged);
  });

  test("lets running tasks end within the grace, and gives the node no other", async () => {
    mesh = await startMesh({ nodes: 3, worker: { concurrency: 2 } });
    const node = await mesh.follower();
    const items = Array.from({ length: 6 }, () => ({ type: "sleep", data: { ms: 3_000 } }));
    await mesh.http.expectOk("POST", "/tasks/batch", items);
    await waitFor("it runs two", async () => {
      const worker = (await mesh.http.workers()).find(({ id }) => id === node);
      return worker?.running === 2;
    });

    expect(await drain(node)).toMatchObject({ id: node, state: "draining", running: 2 });
    await drained(node);

    const more = await mesh.http.submit({ type: "process" });
    expect((await mesh.http.ended(more.id)).workerId).not.toBe(node);
    const ended = await mesh.http.tasksOf("default", "completed");
    const ofNode = ended.filter(({ workerId }) => workerId === node);
    expect(ofNode).toHaveLength(2);
    expect(ofNode.map(({ attempts }) => attempts)).toEqual([1, 1]);
  });

  test("hands back what outlasts the grace, and others run it", async () => {
    mesh = await startMesh({ nodes: 3, worker: { concurrency: 2, drainGraceMs: 200 } });
    const node = await mesh.follower();
    const items = Array.from({ length: 6 }, () => ({ type: "sleep", data: { ms: 4_000 } }));
    await mesh.http.expectOk("POST", "/tasks/batch", items);
    await waitFor("it runs two", async () => {
      const worker = (await mesh.http.workers()).find(({ id }) => id === node);
      return worker?.running === 2;
    });

    await drain(node);
    await drained(node);

    const all = await waitFor("all have ended", async () => {
      const tasks = await mesh.http.tasksOf("default", "completed");
      return tasks.length === 6 && tasks;
    });
    expect(all.some(({ workerId }) => workerId === node)).toBe(false);
    const handedBack = all.flatMap(({ history }) =>
      history.filter(({ workerId, outcome }) => workerId === node && outcome === "handed_back"),
    );
    expect(handedBack).toHaveLength(2);
  });

  test("outlives the leader that took the decision; ended, the node is no member, started it is back", async () => {
    mesh = await startMesh({ nodes: 4 });
    const leader = await mesh.leader();
    const node = await mesh.follower();
    await drain(node);

    await mesh.stopNode(leader);
    await mesh.leader();
    await drained(node);
    await mesh.startNode(leader);
    await waitFor("three vote", async () => (await voters()).length === 3);

    await mesh.stopNode(node);
    await waitFor("it is no member", async () => (await stateOf(node)) === undefined);

    await mesh.startNode(node);
    await waitFor("it is back", async () => (await stateOf(node)) === "active");
  });

  test("of the last node that takes work is refused", async () => {
    mesh = await startMesh({ nodes: 2 });
    const first = await mesh.follower();
    const second = await mesh.leader();
    await drain(first);

    const answer = await mesh.http.call<ProblemView>("POST", `/workers/${second}/drain`);

    expect(answer).toMatchObject({ status: 409, body: { code: "last_worker" } });
    await drained(first);
    expect(await voters()).toEqual([second]);
    const { id } = await mesh.http.submit({ type: "process" });
    expect(await mesh.http.ended(id)).toMatchObject({ status: "completed", workerId: second });
  });
});
