// A mesh grows under load, and heals: learners become voters where voters are missing or dead, and a
// node whose disk was wiped comes back as a new member.
import { rmSync } from "node:fs";
import path from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import type { Membership } from "../../src/raft/index.js";
import { expectCompletedOnce, submitLoad } from "../support/mesh-load.js";
import { type MeshOptions, startMesh, type TestMesh } from "../support/start-mesh.js";
import { waitFor } from "../support/wait-for.js";

const TIMEOUT_MS = 120_000;
const QUICK: MeshOptions["membership"] = {
  replaceVoterAfterMs: 2_000,
  removeLearnerAfterMs: 4_000,
};

let mesh: TestMesh;
afterEach(() => mesh.close(), 60_000);

async function members(votes: boolean): Promise<string[]> {
  const { members: all } = await mesh.http.cluster();
  return all
    .filter(({ voter }) => voter === votes)
    .map(({ id }) => id)
    .sort();
}

const voters = (): Promise<string[]> => members(true);
const learners = (): Promise<string[]> => members(false);

function becomes(what: string, ids: () => Promise<string[]>, expected: string[]): Promise<unknown> {
  return waitFor(`${what} are ${expected.join(", ")}`, async () => {
    const found = await ids();
    if (found.join() !== expected.join()) throw new Error(`they are ${found.join(", ")}`);
    return true;
  });
}

describe("a mesh of two", { timeout: TIMEOUT_MS }, () => {
  test("takes in three more under load: all run tasks, and three vote", async () => {
    mesh = await startMesh({ nodes: 2, worker: { concurrency: 4 } });
    await becomes("voters", voters, ["n1", "n2"]);

    const load = submitLoad(mesh.http, { count: 3_000, queue: "grow", type: "note" });
    for (const id of ["n3", "n4", "n5"]) await mesh.startNode(id);
    const acknowledged = await load;

    await waitFor("three vote and two do not", async () => {
      const { members: all } = await mesh.http.cluster();
      return all.length === 5 && all.filter(({ voter }) => voter).length === 3;
    });
    const items = Array.from({ length: 200 }, () => ({ type: "sleep", data: { ms: 50 } }));
    await mesh.http.expectOk("POST", "/tasks/batch", items);
    await waitFor("all five have completed some", async () => {
      const workers = await mesh.http.workers();
      return workers.length === 5 && workers.every(({ completed }) => completed > 0);
    });
    await expectCompletedOnce(mesh.http, "grow", acknowledged);
  });
});

describe("a voter that is gone", { timeout: TIMEOUT_MS }, () => {
  test("is replaced by a learner, and comes back as one", async () => {
    mesh = await startMesh({ nodes: 4, membership: QUICK });
    await becomes("learners", learners, ["n4"]);
    const gone = (await mesh.leader()) === "n3" ? "n2" : "n3";

    mesh.kill(gone);
    const left = ["n1", "n2", "n3", "n4"].filter((id) => id !== gone);
    await becomes("voters", voters, left);
    // The lost one is let go of with its vote, or soon after.
    await becomes("learners", learners, []);

    await mesh.restart(gone);
    await becomes("learners", learners, [gone]);
    await mesh.whole(4);
    await becomes("voters", voters, left);
  });

  test("stays a voter while it is away for no longer than a restart takes", async () => {
    mesh = await startMesh({ nodes: 4, membership: { replaceVoterAfterMs: 600_000 } });
    const gone = await mesh.leader();
    const before = await voters();

    await mesh.stopNode(gone);
    await mesh.leader();
    await becomes("voters", voters, before);
    await mesh.startNode(gone);
    await mesh.whole(4);

    await becomes("voters", voters, before);
  });
});

describe("a voter that is cut off", { timeout: TIMEOUT_MS }, () => {
  test("is replaced meanwhile, and learns afterwards that it votes no more", async () => {
    mesh = await startMesh({ nodes: 4, membership: QUICK });
    const cut = (await mesh.leader()) === "n3" ? "n2" : "n3";
    const left = ["n1", "n2", "n3", "n4"].filter((id) => id !== cut);
    mesh.faults.partition([cut], left);

    await becomes("voters", voters, left);
    mesh.faults.heal();

    await becomes("learners", learners, [cut]);
    await mesh.whole(4);
    const acknowledged = await submitLoad(mesh.http, { count: 200, queue: "cut", type: "note" });
    await expectCompletedOnce(mesh.http, "cut", acknowledged);
  });
});

describe("a node that comes back at another address", { timeout: TIMEOUT_MS }, () => {
  test.each([
    ["a voter", true],
    ["a learner", false],
  ])("is found while Redis is away: %s", async (_, votes) => {
    mesh = await startMesh({ nodes: 4 });
    const leader = await mesh.leader();
    const moved = votes ? ((await voters()).find((id) => id !== leader) ?? "") : "n4";
    await mesh.redis.kill();
    await mesh.stopNode(moved);

    const { address } = await mesh.startNode(moved, {}, { portOf: "n6" });

    const found = await waitFor("the membership has its new address", async () => {
      const { members: all } = await mesh.http.cluster();
      const one = all.find(({ id }) => id === moved);
      return one?.address === address && one;
    });
    expect(found.voter).toBe(votes);
    await mesh.whole(4);
    await mesh.redis.restart();
    const acknowledged = await submitLoad(mesh.http, { count: 200, queue: "moved", type: "note" });
    await expectCompletedOnce(mesh.http, "moved", acknowledged);
  });
});

describe("a node whose data folder was wiped", { timeout: TIMEOUT_MS }, () => {
  test("is let go of, joins anew without a say, and votes once it has the whole log", async () => {
    mesh = await startMesh({ nodes: 3, membership: { replaceVoterAfterMs: 600_000 } });
    const acknowledged = await submitLoad(mesh.http, {
      count: 500,
      queue: "wipe",
      type: "note",
    });
    const wiped = await mesh.follower();
    await mesh.stopNode(wiped);
    rmSync(path.join(mesh.config.nodes.dataDir, "nodes", wiped), { recursive: true });

    const memberships: Membership[] = [];
    for (const { raft } of mesh.nodes.values()) raft.onMembership((one) => memberships.push(one));

    await mesh.startNode(wiped);

    await becomes("voters", voters, ["n1", "n2", "n3"]);
    // It had no say for a while: without its removal it would have stayed the voter that it was.
    const withoutIt = memberships.filter(({ voters: ids }) => ids.every(({ id }) => id !== wiped));
    expect(withoutIt).not.toEqual([]);
    const { members: all } = await mesh.http.cluster();
    const { matchIndex = 0 } = all.find(({ id }) => id === wiped) ?? {};
    expect(matchIndex).toBeGreaterThan(0);
    await mesh.whole(3);
    await expectCompletedOnce(mesh.http, "wipe", acknowledged);
  });

  test("waits where the mesh cannot let go of it: its vote made the quorum", async () => {
    mesh = await startMesh({ nodes: 2 });
    await mesh.stopNode("n2");
    rmSync(path.join(mesh.config.nodes.dataDir, "nodes", "n2"), { recursive: true });

    const giveUp = new AbortController();
    const start = mesh.startNode("n2", {}, { signal: giveUp.signal });
    start.catch(() => undefined);
    const refused = await mesh.http.call("POST", "/tasks", { type: "process" });
    giveUp.abort(new Error("nobody let it in"));

    expect(refused.status).toBe(503);
    await expect(start).rejects.toThrow("nobody let it in");
  });
});
