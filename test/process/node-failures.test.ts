// Ten thousand tasks through real processes, undisturbed and with processes killed and frozen in the
// middle of them: everything acknowledged is completed, once.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Journal, journalHandlers } from "../support/journal.js";
import { expectCompletedOnce, submitLoad } from "../support/mesh-load.js";
import { MeshProcess } from "../support/mesh-process.js";
import { waitFor } from "../support/wait-for.js";

/** The promise is two seconds; the machine that tests may be busy with other things. */
const ACCEPTS_AGAIN_MS = 5_000;
/** Behind one gateway, clients wait until its process has started anew, beside the load. */
const GATEWAY_IS_BACK_MS = 10_000;

const MAX_LOSSES = 3;

let mesh: MeshProcess;
let journal: Journal;

beforeAll(async () => {
  journal = new Journal();
  mesh = await MeshProcess.start({
    config: {
      worker: { handlers: journalHandlers, leaseMs: 1_500 },
      retries: { maxLosses: MAX_LOSSES, lossDelay: { delayMs: 100 } },
    },
    env: { JOURNAL_FOLDER: journal.folder },
  });
}, 120_000);
afterAll(async () => {
  await mesh.close();
  journal.remove();
}, 60_000);

/** Submits a load, calls `hurt` when half of it is acknowledged, and waits for all of it. */
async function loadWhile(queue: string, count: number, hurt: () => Promise<void>) {
  let hurting: Promise<void> | undefined;
  const onProgress = (acknowledged: number): void => {
    if (acknowledged >= count / 2) hurting ??= hurt();
  };
  const acknowledged = await submitLoad(mesh.http, { count, queue, type: "note", onProgress });
  await hurting;
  return acknowledged;
}

/** Kills a process and measures until a submission is accepted again. */
async function killAndSubmit(pid: number, withinMs = ACCEPTS_AGAIN_MS): Promise<void> {
  process.kill(pid, "SIGKILL");
  await waitFor(
    "submissions are accepted again",
    async () => (await mesh.http.call("POST", "/tasks", { type: "process" })).status === 201,
    withinMs,
  );
}

describe("ten thousand tasks", { timeout: 120_000 }, () => {
  test("are each completed once by a mesh that nothing happens to, and run no oftener than it says", async () => {
    const acknowledged = await submitLoad(mesh.http, {
      count: 10_000,
      queue: "calm",
      type: "note",
      batchItems: 2_500,
    });

    expect(new Set(acknowledged).size).toBe(10_000);
    await expectCompletedOnce(mesh.http, "calm", acknowledged);
    // One attempt, unless the machine was so busy that a node lost its lease: the history says so.
    const starts = journal.starts();
    const odd = (await mesh.http.tasksOf("calm")).filter(({ id, history }) => {
      const started = starts.get(id) ?? 0;
      return started < 1 || started > history.length;
    });
    expect(odd).toEqual([]);
  });

  test("are each completed once though the leader is killed in the middle", async () => {
    const leader = await mesh.leaderId();

    const acknowledged = await loadWhile("leader-killed", 10_000, () =>
      killAndSubmit(mesh.nodePid(leader)),
    );

    await expectCompletedOnce(mesh.http, "leader-killed", acknowledged);
    await mesh.whole();
  });

  test("are each completed once though a follower is killed in the middle", async () => {
    const follower = await mesh.followerId();

    const acknowledged = await loadWhile("follower-killed", 10_000, () =>
      killAndSubmit(mesh.nodePid(follower)),
    );

    await expectCompletedOnce(mesh.http, "follower-killed", acknowledged);
    await mesh.whole();
  });

  test("are each completed once though the gateway is killed in the middle", async () => {
    const acknowledged = await loadWhile("gateway-killed", 10_000, () =>
      killAndSubmit(mesh.gatewayPid(), GATEWAY_IS_BACK_MS),
    );

    await expectCompletedOnce(mesh.http, "gateway-killed", acknowledged);
  });
});

describe("a task that ends the process of each node that runs it", { timeout: 150_000 }, () => {
  test("is dead after a few of them, and the mesh goes on", async () => {
    const { id } = await mesh.http.submit({ type: "lethal", maxAttempts: 100 });

    const task = await mesh.http.ended(id);

    expect(task).toMatchObject({ status: "dead", error: { name: "NodeLost" } });
    expect(journal.of(id, "started").length).toBeGreaterThanOrEqual(MAX_LOSSES);
    await mesh.whole();
    const { id: next } = await mesh.http.submit({ type: "note" });
    expect((await mesh.http.ended(next)).status).toBe("completed");
  });
});

describe("a node that is frozen", { timeout: 60_000 }, () => {
  test("loses its task to another; woken up, it stops the handler and its late result is refused", async () => {
    await mesh.whole();
    const { id } = await mesh.http.submit({ type: "stubborn", data: { ms: 5_000 } });
    const first = await waitFor("it is started", () => journal.of(id, "started")[0]);
    const { workerId } = await mesh.http.task(id);

    process.kill(first.pid, "SIGSTOP");
    const second = await waitFor("another node starts it", () =>
      journal.of(id, "started").find(({ pid }) => pid !== first.pid),
    );
    process.kill(first.pid, "SIGCONT");

    const aborted = await waitFor("its handler is told", () => journal.of(id, "aborted")[0]);
    expect(aborted).toMatchObject({ pid: first.pid, fence: first.fence });
    await waitFor("both handlers have ended", () => journal.of(id, "ended").length === 2);
    const task = await mesh.http.ended(id);
    expect(task).toMatchObject({ status: "completed", fence: second.fence });
    expect(task.result).toEqual({ pid: second.pid });
    expect(task.workerId).not.toBe(workerId);
    // Lost where the frozen node led: its successor cannot know that it lives.
    expect(task.history.map(({ outcome }) => outcome)).toEqual([
      expect.stringMatching(/^(lapsed|lost)$/),
      "completed",
    ]);
  });
});
