// Whom the leader does not hear of: a node that others reach gives its tasks back when they tell it to;
// one that nobody reaches keeps them as long as its lease may last.
import { describe, expect } from "vitest";
import { meshStories } from "../../support/mesh-stories.js";
import type { TestMesh } from "../../support/start-mesh.js";
import { waitFor } from "../../support/wait-for.js";

// Long enough that a busy machine finds the time to ask before it has run out.
const story = meshStories({ nodes: 3, worker: { leaseMs: 3_000 } });

const reachabilityOf = async (mesh: TestMesh, id: string): Promise<string | undefined> =>
  (await mesh.http.workers()).find((worker) => worker.id === id)?.reachability;

/** A follower, and the tasks that it runs. */
async function busyFollower(mesh: TestMesh) {
  const follower = await mesh.follower();
  const tasks = await mesh.submitMany(9, { type: "hold", data: { ms: 6_000 } });
  const its = await waitFor("it runs some of them", () => {
    const ids = tasks.map(({ id }) => id);
    const lines = mesh.journal
      .lines()
      .filter(({ node, id }) => node === follower && ids.includes(id));
    return lines.length > 0 && lines.map(({ id }) => id);
  });
  return { follower, its };
}

/**
 * How each run of a task ended, from the last one on that node: one before it was handed back where the
 * node had only just got a lease again.
 */
const outcomesFrom = async (mesh: TestMesh, node: string, id: string) => {
  const { history } = await mesh.http.ended(id);
  const last = history.findLastIndex(({ workerId }) => workerId === node);
  return history.slice(last).map(({ outcome }) => outcome);
};

describe("a follower whose link to the leader alone is cut", () => {
  story("gives its tasks back through a peer, and is named so until it is back", async (mesh) => {
    const leader = await mesh.leader();
    const { follower, its } = await busyFollower(mesh);
    expect(await reachabilityOf(mesh, follower)).toBe("direct");

    mesh.faults.cut(leader, follower);

    await waitFor("it is reached through a peer", async () => {
      return (await reachabilityOf(mesh, follower)) === "through-peers";
    });
    const starts = () =>
      mesh.journal.lines().filter(({ node, event }) => node === follower && event === "started")
        .length;
    const before = starts();
    for (const id of its) {
      // The follower cannot have told the leader itself.
      expect(await outcomesFrom(mesh, follower, id)).toEqual(["handed_back", "completed"]);
    }
    await mesh.submitMany(6, { type: "note" });
    expect(starts()).toBe(before);
    expect(mesh.leaderNow()).toBe(leader);

    mesh.faults.heal();
    await waitFor("it is reached again", async () => {
      return (await reachabilityOf(mesh, follower)) === "direct";
    });
  });
});

describe("a follower that is cut off from all", () => {
  story(
    "keeps its tasks until its lease has run out: nobody can have it give them up",
    async (mesh) => {
      const leader = await mesh.leader();
      const { follower, its } = await busyFollower(mesh);

      mesh.faults.isolate(follower);

      await waitFor("nobody reaches it", async () => {
        return (await reachabilityOf(mesh, follower)) === "none";
      });
      for (const id of its) {
        const [taken] = await outcomesFrom(mesh, follower, id);
        expect(["lost", "lapsed"]).toContain(taken);
      }
      expect(mesh.leaderNow()).toBe(leader);
    },
  );
});
