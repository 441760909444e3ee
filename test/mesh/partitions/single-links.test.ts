// Three nodes of which single links fail: one way, to Redis, now and then, or all but one.
import { ulid } from "ulid";
import { describe, expect } from "vitest";
import { meshStories } from "../../support/mesh-stories.js";
import { waitFor } from "../../support/wait-for.js";

const story = meshStories({ nodes: 3 });

describe("a link that is cut one way", () => {
  story("from the leader to both followers costs it the leadership", async (mesh) => {
    const old = await mesh.leader();
    const followers = await mesh.followers();
    const load = mesh.load();

    for (const follower of followers) mesh.faults.cutOneWay(old, follower);

    await mesh.leaderAmong(followers);
    await mesh.workGoesOn(10);
    expect(mesh.claimsToLead(old)).toBe(false);
    await load.stop();
  });

  story(
    "from a follower to the leader takes the follower's tasks away, and no more",
    async (mesh) => {
      const leader = await mesh.leader();
      const follower = await mesh.follower();
      const term = mesh.termOf(leader);
      const load = mesh.load({ type: "hold", data: { ms: 50 } });

      mesh.faults.cutOneWay(follower, leader);
      await mesh.countsAsLost(follower);
      await mesh.workGoesOn(20);

      expect([mesh.leaderNow(), mesh.termOf(leader)]).toEqual([leader, term]);
      await load.stop();
    },
  );
});

describe("a leader that is cut off from Redis alone", () => {
  story("goes on leading; Redis is brought up to date when it is back", async (mesh) => {
    const leader = await mesh.leader();
    const term = mesh.termOf(leader);

    mesh.isolateFromRedis(leader);
    const tasks = await mesh.submitMany(20, { type: "note" });
    await waitFor("they run all the same", () => {
      const starts = mesh.journal.starts();
      return tasks.every(({ id }) => starts.has(id));
    });
    expect([mesh.leaderNow(), mesh.termOf(leader)]).toEqual([leader, term]);

    mesh.faults.heal();
    for (const { id } of tasks) expect((await mesh.http.ended(id)).status).toBe("completed");
  });
});

describe("a follower that is cut off from all but Redis", () => {
  story("takes no more work, and disturbs nobody when it is back", async (mesh) => {
    const leader = await mesh.leader();
    const follower = await mesh.follower();
    const term = mesh.termOf(leader);
    const starts = (): number =>
      mesh.journal.lines().filter(({ node, event }) => node === follower && event === "started")
        .length;
    const load = mesh.load({ type: "hold", data: { ms: 50 } });
    const before = starts();
    await waitFor("it works", () => starts() > before);

    mesh.faults.isolate(follower, "redis");
    await mesh.countsAsLost(follower);
    const atLoss = starts();
    await mesh.workGoesOn(20);
    expect(starts()).toBe(atLoss);

    mesh.faults.heal();
    await mesh.whole(3);
    await waitFor("it works again", () => starts() > atLoss);
    expect([mesh.leaderNow(), mesh.termOf(leader)]).toEqual([leader, term]);
    await load.stop();
  });
});

describe("a link that flaps", () => {
  story("between the leader and a follower loses nothing", async (mesh) => {
    const leader = await mesh.leader();
    const follower = await mesh.follower();
    const load = mesh.load({ type: "hold", data: { ms: 20 } });

    for (const downMs of [50, 150, 300, 600, 100, 400]) {
      mesh.faults.impair(leader, follower, { cut: true, forMs: downMs });
      await mesh.healedByItself();
      await mesh.workGoesOn(3);
    }

    await load.stop();
  });
});

describe("a link that is slow, loses and repeats", () => {
  story("between all nodes loses nothing", async (mesh) => {
    const load = mesh.load({ type: "hold", data: { ms: 20 } });

    for (const [a, b] of [
      ["n1", "n2"],
      ["n2", "n3"],
      ["n1", "n3"],
    ] as const) {
      mesh.faults.impair(a, b, { delayMs: 5, jitterMs: 20, lossRate: 0.05, duplicateRate: 0.1 });
    }

    await mesh.workGoesOn(40);
    await load.stop();
  });
});

describe("a leader that was deposed and still reaches Redis and clients", () => {
  story("acknowledges nothing, writes nothing, and what it ran counts once", async (mesh) => {
    const old = await mesh.leader();
    const followers = await mesh.followers();
    const tasks = await mesh.submitMany(9, { type: "stubborn", data: { ms: 1_500 } });
    const its = await waitFor("it runs some of them", () => {
      const lines = mesh.journal.lines().filter(({ node, id }) => {
        return node === old && tasks.some((task) => task.id === id);
      });
      return lines.length > 0 && lines.map(({ id }) => id);
    });

    mesh.faults.partition([old], followers);
    const lateId = ulid();
    const late = mesh.submitAt(old, { type: "note", id: lateId }, 4_000).then(
      () => "acknowledged",
      () => "refused",
    );
    await mesh.leaderAmong(followers);
    await mesh.submitMany(10, { type: "note" });

    for (const { id } of tasks) {
      const task = await mesh.http.ended(id);
      expect(task.status).toBe("completed");
      if (!its.includes(id)) continue;
      expect(followers).toContain(task.workerId);
      expect(task.history.map(({ outcome }) => outcome)).toEqual(["lost", "completed"]);
    }
    expect(await late).toBe("refused");
    mesh.faults.heal();
    await mesh.everyoneFollows();
    expect((await mesh.http.call("GET", `/tasks/${lateId}`)).status).toBe(404);
  });
});
