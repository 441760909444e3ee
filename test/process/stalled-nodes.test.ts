// Handlers that let nothing else run for longer than the lease: their nodes find out by themselves.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Journal, journalHandlers } from "../support/journal.js";
import { MeshProcess } from "../support/mesh-process.js";
import { waitFor } from "../support/wait-for.js";

const BLOCK_MS = 3_000;

let mesh: MeshProcess;
let journal: Journal;

beforeAll(async () => {
  journal = new Journal();
  mesh = await MeshProcess.start({
    config: { worker: { handlers: journalHandlers, leaseMs: 1_000 } },
    env: { JOURNAL_FOLDER: journal.folder },
  });
}, 120_000);
afterAll(async () => {
  await mesh.close();
  journal.remove();
}, 60_000);

const stallsOf = async (id: string) => {
  const worker = (await mesh.http.workers()).find((one) => one.id === id);
  return { stalls: worker?.stalls ?? 0, longestStallMs: worker?.longestStallMs ?? 0 };
};

describe("a handler that blocks its node for longer than the lease", { timeout: 60_000 }, () => {
  test("is told to stop before it goes on, its task has gone elsewhere, and the stall is counted", async () => {
    await mesh.whole();
    const task = await mesh.http.submit({ type: "block", data: { ms: BLOCK_MS } });
    const first = await waitFor("it is started", () => journal.of(task.id, "started")[0]);
    const blocked = await waitFor("the node that runs it is known", () =>
      mesh.nodeIds.find((id) => mesh.nodePid(id) === first.pid),
    );

    await waitFor("it goes on", () => journal.of(task.id, "unblocked")[0]);
    await waitFor("it is told", () => journal.of(task.id, "aborted")[0]);
    await waitFor("it sees that it is to stop", () => journal.of(task.id, "stopped")[0]);

    expect(journal.of(task.id, "went on")).toEqual([]);
    const ended = await mesh.http.ended(task.id);
    expect(ended.status).toBe("completed");
    expect(ended.fence).not.toBe(first.fence);
    const [taken, ...more] = ended.history.map(({ outcome }) => outcome);
    // Its own connection stood all the while, unless the leader was the one that was blocked.
    expect(["lapsed", "lost"]).toContain(taken);
    expect(more).toEqual(["completed"]);
    const { stalls, longestStallMs } = await waitFor("the stall is counted", async () => {
      const found = await stallsOf(blocked);
      return found.stalls > 0 && found;
    });
    expect(stalls).toBeGreaterThanOrEqual(1);
    expect(longestStallMs).toBeGreaterThan(BLOCK_MS / 2);
  });

  test("is asked after in vain while it is frozen, and keeps its tasks until its lease is over", async () => {
    await mesh.whole();
    const leader = await mesh.leaderId();
    const tasks = await Promise.all(
      Array.from({ length: 9 }, () => mesh.http.submit({ type: "hold", data: { ms: 5_000 } })),
    );
    const startedBy = (pid: number) =>
      tasks
        .map(({ id }) => id)
        .filter((id) => journal.of(id, "started").some((line) => line.pid === pid));
    // Not the one that was blocked just before, maybe: it has to be given a lease first.
    const { follower, pid, its } = await waitFor("a follower runs some of them", () =>
      mesh.nodeIds
        .filter((id) => id !== leader)
        .map((id) => ({ follower: id, pid: mesh.nodePid(id) }))
        .map((node) => ({ ...node, its: startedBy(node.pid) }))
        .find((node) => node.its.length > 0),
    );
    const reachability = async () =>
      (await mesh.http.workers()).find(({ id }) => id === follower)?.reachability;

    process.kill(pid, "SIGSTOP");
    await waitFor("nobody reaches it", async () => (await reachability()) === "none");
    for (const id of its) {
      await waitFor("another node starts it", () => journal.of(id, "started").length > 1);
    }
    process.kill(pid, "SIGCONT");

    await waitFor("it is heard of again", async () => (await reachability()) === "direct");
    for (const id of its) {
      const [taken] = (await mesh.http.ended(id)).history;
      expect(["lapsed", "lost"]).toContain(taken?.outcome);
      expect(journal.of(id, "aborted").map((line) => line.pid)).toContain(pid);
    }
  });

  test("does no more harm where every node is blocked at once, the leader too", async () => {
    await mesh.whole();
    // All are acknowledged before the first one blocks the node that answers.
    const blocks = { type: "block", data: { ms: BLOCK_MS }, delayMs: 1_000 };
    const tasks = await Promise.all(Array.from({ length: 6 }, () => mesh.http.submit(blocks)));

    for (const { id } of tasks) {
      // A node that stood still takes Redis for gone at first: its 503 asks to try again.
      const ended = await waitFor("its end can be read", () => mesh.http.ended(id));
      expect(ended.status).toBe("completed");
      const counted = journal.of(id, "ended").filter(({ fence }) => fence === ended.fence);
      expect(counted).toHaveLength(1);
      expect(journal.of(id, "went on")).toEqual([]);
    }
    await mesh.whole();
    expect((await mesh.http.call("GET", "/health")).body).toMatchObject({ status: "healthy" });
  });
});
