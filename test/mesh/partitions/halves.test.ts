// Four nodes that part in the middle: neither half is a majority.
import { describe, expect } from "vitest";
import { meshStories } from "../../support/mesh-stories.js";
import { waitFor } from "../../support/wait-for.js";

const story = meshStories({ nodes: 4, membership: { voters: 5 } });

describe("two halves of four nodes", () => {
  story("acknowledge nothing, and go on as one when they meet again", async (mesh) => {
    const load = mesh.load();
    await mesh.workGoesOn(5);

    mesh.faults.partition(["n1", "n2"], ["n3", "n4"]);
    await waitFor("nobody leads", () =>
      [...mesh.nodes.keys()].every((id) => !mesh.claimsToLead(id)),
    );
    const known = mesh.history.submissions.length;
    await waitFor("every client has had an answer", () => {
      return mesh.history.submissions.length >= known + 6;
    });
    // What was under way may have been committed before; the second answers are all refusals.
    const answers = mesh.history.submissions.slice(known + 3).map(({ kind }) => kind);
    expect(answers).not.toContain("acknowledged");

    mesh.faults.heal();
    await mesh.workGoesOn(10);
    await load.stop();
  });
});
