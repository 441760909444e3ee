// What the harness does to a mesh besides its links: power lost, Redis gone, Redis emptied.
import { describe, expect } from "vitest";
import { meshStories } from "../support/mesh-stories.js";

const story = meshStories({ nodes: 3 });

describe("a leader that is killed", () => {
  story("is replaced, its tasks with it; restarted it follows", async (mesh) => {
    const old = await mesh.leader();
    const held = await mesh.submitMany(12, { type: "hold", data: { ms: 700 } });
    const load = mesh.load();

    mesh.kill(old);

    await mesh.leaderAmong([...mesh.nodes.keys()]);
    await mesh.workGoesOn(10);
    for (const { id } of held) expect((await mesh.http.ended(id)).status).toBe("completed");
    await mesh.restart(old);
    await mesh.everyoneFollows();
    await load.stop();
  });
});

describe("a Redis that is gone", () => {
  story("is waited for, and is back with everything", async (mesh) => {
    const load = mesh.load({ type: "hold", data: { ms: 20 } });
    await mesh.workGoesOn(5);

    await mesh.stopRedis();
    await mesh.workGoesOn(20);
    await mesh.startRedis();

    await mesh.workGoesOn(5);
    await load.stop();
  });

  story("and has lost everything is brought back from the log", async (mesh) => {
    const load = mesh.load({ type: "hold", data: { ms: 20 } });
    await mesh.workGoesOn(20);

    await mesh.wipeRedis();

    await mesh.workGoesOn(20);
    await load.stop();
  });
});
