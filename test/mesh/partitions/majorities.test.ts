// Five nodes in two groups: what the smaller one may do, and what a node that both reach changes.
import { describe, expect } from "vitest";
import { meshStories } from "../../support/mesh-stories.js";
import { waitFor } from "../../support/wait-for.js";

const story = meshStories({ nodes: 5, membership: { voters: 5 } });

describe("a leader in the minority", () => {
  story("gives way to one of the majority, and its tasks go there", async (mesh) => {
    const old = await mesh.leader();
    const [companion = "", ...majority] = await mesh.followers();
    const minority = [old, companion];
    const held = await mesh.submitMany(20, { type: "hold", data: { ms: 1_000 } });
    await waitFor("both sides run some", () => {
      const nodes = new Set(mesh.journal.lines().map(({ node }) => node));
      return minority.some((id) => nodes.has(id)) && majority.some((id) => nodes.has(id));
    });
    const load = mesh.load();

    mesh.faults.partition(minority, majority);

    await mesh.leaderAmong(majority);
    await mesh.workGoesOn(10);
    await waitFor("the old leader knows that it leads no more", () => !mesh.claimsToLead(old));

    mesh.faults.heal();
    await mesh.everyoneFollows();
    await load.stop();
    for (const { id } of held) expect((await mesh.http.ended(id)).status).toBe("completed");
  });
});

describe("two groups that see each other through one node alone", () => {
  story(
    "keep the leader that they have: nobody who does not hear it can unseat it",
    async (mesh) => {
      const leader = await mesh.leader();
      const term = mesh.termOf(leader);
      const [companion = "", bridge = "", ...beyond] = await mesh.followers();
      const load = mesh.load();

      mesh.faults.partition([leader, companion], beyond);
      await waitFor("those beyond the bridge miss the leader", () =>
        beyond.every((id) => mesh.nodes.get(id)?.raft.softState.leader === undefined),
      );
      await mesh.workGoesOn(20);

      expect([mesh.leaderNow(), mesh.termOf(leader)]).toEqual([leader, term]);
      expect(mesh.nodes.get(bridge)?.raft.softState.leader).toBe(leader);
      await load.stop();
    },
  );
});
