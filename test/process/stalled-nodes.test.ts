// Nodes that stand still for longer than their lease find out by themselves.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Journal, journalHandlers } from "../support/journal.js";
import { MeshProcess } from "../support/mesh-process.js";
import { waitFor } from "../support/wait-for.js";

const LEASE_MS = 1_000;

let mesh: MeshProcess;
let journal: Journal;

beforeAll(async () => {
  journal = new Journal();
  mesh = await MeshProcess.start({
    config: { worker: { handlers: journalHandlers, leaseMs: LEASE_MS } },
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

describe("a node that is frozen for longer than the lease", { timeout: 60_000 }, () => {
  test("is asked after in vain, keeps its tasks until its lease is over, is told to stop, and counts the stall", async () => {
    await mesh.whole();
    const leader = await mesh.leaderId();
    const tasks = await Promise.all(
      Array.from({ length: 9 }, () => mesh.http.submit({ type: "hold", data: { ms: 5_000 } })),
    );
    const startedBy = (pid: number) =>
      tasks
        .map(({ id }) => id)
        .filter((id) => journal.of(id, "started").some((line) => line.pid === pid));
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
    const { stalls, longestStallMs } = await waitFor("the stall is counted", async () => {
      const found = await stallsOf(follower);
      return found.stalls > 0 && found;
    });
    expect(stalls).toBeGreaterThanOrEqual(1);
    expect(longestStallMs).toBeGreaterThan(LEASE_MS);
  });
});
