// Cuts at the worst moment: while the mesh changes its members, while a snapshot is on its way, and
// no cut at all, but every node stopped and started again.
import { describe, expect } from "vitest";
import { COMPACTING } from "../../support/compacting.js";
import { meshStories } from "../../support/mesh-stories.js";
import type { TestMesh } from "../../support/start-mesh.js";
import { waitFor } from "../../support/wait-for.js";

const PATIENCE_MS = 60_000;

/** The leader's log is in two configurations at once: a change of members is under way. */
function inTransition(mesh: TestMesh, leader: string): boolean {
  const membership = mesh.nodes.get(leader)?.raft.status().membership;
  return (membership?.outgoing.length ?? 0) > 0;
}

describe("every node", () => {
  const story = meshStories({ nodes: 3 });

  story("is restarted in turn under load: nothing is refused", async (mesh) => {
    const load = mesh.load({ type: "hold", data: { ms: 30 } });
    await mesh.workGoesOn(20);

    for (const id of ["n1", "n2", "n3"]) {
      await mesh.stopNode(id);
      await mesh.workGoesOn(20);
      await mesh.startNode(id);
      await mesh.whole(3);
    }

    await mesh.workGoesOn(20);
    await load.stop();
    expect(mesh.history.submissions.filter(({ kind }) => kind !== "acknowledged")).toEqual([]);
  });
});

describe("the leader is cut off while the members change", () => {
  const story = meshStories({ nodes: 5, membership: { voters: 3 } });

  story("and the rest brings the change to its end", async (mesh) => {
    const leader = await mesh.leader();
    const { members } = await mesh.http.cluster();
    const voters = members.filter(({ voter }) => voter).map(({ id }) => id);
    const leaving = voters.find((id) => id !== leader) ?? "";
    const rest = [...mesh.nodes.keys()].filter((id) => id !== leader);
    const load = mesh.load();
    const raft = mesh.nodes.get(leader)?.raft;
    const cut = new Promise<void>((resolve) => {
      const unlisten = raft?.onMembership(() => {
        if (!inTransition(mesh, leader)) return;
        unlisten?.();
        mesh.faults.partition([leader], rest);
        resolve();
      });
    });

    await mesh.http.call("POST", `/workers/${leaving}/drain`);
    await cut;
    await mesh.leaderAmong(rest);
    await mesh.workGoesOn(10);
    mesh.faults.heal();

    await waitFor("three vote, and not the one that leaves", async () => {
      const now = (await mesh.http.cluster()).members.filter(({ voter }) => voter);
      return now.length === 3 && now.every(({ id }) => id !== leaving);
    });
    await load.stop();
    // Started again, it is a node like any other.
    await mesh.stopNode(leaving);
    await mesh.startNode(leaving);
  });
});

describe("the leader is cut off while it sends a snapshot", () => {
  const story = meshStories({ nodes: 3, raft: COMPACTING });

  story("and the next one brings the follower up to date", async (mesh) => {
    const leader = await mesh.leader();
    const [away = "", other = ""] = await mesh.followers();
    await mesh.stopNode(away);
    const load = mesh.load({ type: "note", data: { text: "x".repeat(2_000) } });
    await waitFor(
      "both have let go of what it lacks",
      () => {
        const heads = [leader, other].map((id) => mesh.nodes.get(id)?.raft.snapshotIndex ?? 0);
        return heads.every((index) => index > 200);
      },
      PATIENCE_MS,
    );
    // A narrow link, so that the snapshot is on its way for a while.
    mesh.faults.impair(leader, away, { bytesPerSecond: 20_000 });

    await mesh.startNode(away);
    await waitFor("a snapshot is on its way", () => {
      const peers = mesh.nodes.get(leader)?.raft.status().peers ?? [];
      return peers.some(({ id, snapshotOffset }) => id === away && snapshotOffset !== undefined);
    });
    mesh.faults.partition([leader], [away, other]);

    await mesh.leaderAmong([away, other]);
    await mesh.workGoesOn(10);
    await load.stop();
  });
});
