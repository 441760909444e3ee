// A log that is compacted, and a Redis that loses everything: what was acknowledged is done all the
// same, once.
import { readdirSync, statSync } from "node:fs";
import path from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { type Task, TaskStatus } from "../../src/gen/mesh/v1/task.js";
import type { GetTaskResponse } from "../../src/gen/mesh/v1/task_service.js";
import { COMPACTING } from "../support/compacting.js";
import { submitLoad } from "../support/mesh-load.js";
import { stateOf } from "../support/queue-fixtures.js";
import { startMesh, type TestMesh } from "../support/start-mesh.js";
import { waitFor } from "../support/wait-for.js";

const PATIENCE_MS = 60_000;

let mesh: TestMesh;
afterEach(() => mesh.close(), 60_000);

function filesOf(id: string): string[] {
  return readdirSync(path.join(mesh.config.nodes.dataDir, "nodes", id));
}

/** The node's log begins behind a snapshot: its first segment is gone. */
async function compacted(...ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    await waitFor(
      `${id} has let the beginning of its log go: ${filesOf(id).join(" ")}`,
      () => {
        const files = filesOf(id);
        return (
          !files.includes("log-000000000001") && files.some((name) => name.startsWith("snapshot-"))
        );
      },
      PATIENCE_MS,
    );
  }
}

/** Tasks that take a little while each, so that most of them wait. */
async function submitHeld(count: number, queue: string): Promise<Set<string>> {
  const ids = await submitLoad(mesh.http, { count, queue, type: "hold", data: { ms: 20 } });
  return new Set(ids);
}

/** A read at one node, which waits for the end of the task for so long. */
async function getAt(node: string, id: string, waitMs: number): Promise<Task> {
  const { tasks } = mesh.at(node);
  const request = { id, waitMs, linearizable: false, minIndex: 0 };
  const { task } = await new Promise<GetTaskResponse>((resolve, reject) => {
    tasks.getTask(request, (error, response) => {
      if (error === null) resolve(response);
      else reject(error);
    });
  });
  if (task === undefined) throw new Error(`no task ${id}`);
  return task;
}

/** How often each of them was run to its end. */
function ends(ids: ReadonlySet<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { event, id } of mesh.journal.lines()) {
    if (event === "ended" && ids.has(id)) counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return counts;
}

async function allEndedOnce(ids: ReadonlySet<string>): Promise<void> {
  await waitFor(
    "every one is done",
    () => {
      const done = ends(ids).size;
      if (done < ids.size) throw new Error(`${done} of ${ids.size}`);
      return true;
    },
    PATIENCE_MS,
  );
  await waitFor("Redis shows nothing unfinished", async () => {
    const { pending, running, scheduled } = await mesh.http.counts();
    return pending + running + scheduled === 0;
  });
  // A run that came to its end twice is one that the mesh had given up: no completed one was repeated.
  for (const [id, count] of ends(ids)) {
    if (count === 1) continue;
    const { history } = await mesh.http.task(id);
    const [last, ...earlier] = mesh.journal
      .of(id, "ended")
      .map(({ fence }) => fence)
      .sort((a, b) => b - a);
    expect(history.find(({ fence }) => fence === last)?.outcome).toBe("completed");
    const givenUp = history.filter(({ outcome }) => outcome !== "completed");
    expect(givenUp.map(({ fence }) => fence)).toEqual(expect.arrayContaining(earlier));
  }
}

describe("a mesh whose log is compacted", { timeout: 180_000 }, () => {
  test("completes everything once although Redis comes back empty, twice", async () => {
    mesh = await startMesh({ raft: COMPACTING, worker: { concurrency: 3 } });
    const ids = await submitHeld(2_600, "wiped");
    await compacted("n1", "n2", "n3");
    expect(ends(ids).size).toBeLessThan(ids.size);

    await mesh.redis.loseAll();

    const half = ends(ids).size + (ids.size - ends(ids).size) / 3;
    await waitFor("work goes on", () => ends(ids).size > half, PATIENCE_MS);
    await mesh.redis.loseAll();
    await allEndedOnce(ids);
  });

  test("completes everything although all nodes and Redis begin anew, and Redis empty", async () => {
    mesh = await startMesh({ raft: COMPACTING, worker: { concurrency: 3 } });
    const ids = await submitHeld(2_000, "restarted");
    const later = await mesh.http.submit({ type: "hold", data: { ms: 1 }, delayMs: 3_000 });
    await compacted("n1", "n2", "n3");

    await Promise.all(["n1", "n2", "n3"].map((id) => mesh.stopNode(id)));
    expect(ends(ids).size).toBeLessThan(ids.size);
    await mesh.redis.loseAll();
    await Promise.all(["n1", "n2", "n3"].map((id) => mesh.startNode(id)));

    await allEndedOnce(new Set([...ids, later.id]));
  });

  test("gives a snapshot to who was away too long, with which it can lead and restore Redis", async () => {
    mesh = await startMesh({ raft: COMPACTING, worker: { concurrency: 3 } });
    const follower = await mesh.follower();
    await mesh.stopNode(follower);
    const others = ["n1", "n2", "n3"].filter((id) => id !== follower);
    const ids = await submitHeld(2_000, "away");
    await compacted(...others);

    await mesh.startNode(follower);
    await mesh.startNode("n4");
    await compacted(follower, "n4");
    await waitFor("both run tasks", async () => {
      const workers = await mesh.http.workers();
      return [follower, "n4"].every(
        (one) => (workers.find(({ id }) => id === one)?.completed ?? 0) > 0,
      );
    });
    await waitFor("it leads", async () => {
      await mesh.http.call("POST", "/cluster/transfer", { to: follower });
      return (await mesh.leader()) === follower;
    });
    await mesh.redis.loseAll();

    await allEndedOnce(ids);
  });

  test("answers who waits at a follower for a task that ended within the snapshot it was given", async () => {
    mesh = await startMesh({ raft: COMPACTING });
    const follower = await mesh.follower();
    const others = ["n1", "n2", "n3"].filter((id) => id !== follower);
    // It lets a call wait for longer than this test may take: the time is not what ends it.
    const limits = { ...mesh.config.limits, waitMs: 600_000 };
    await mesh.stopNode(follower);
    await mesh.startNode(follower, { limits });
    await mesh.whole(3);
    const { id } = await mesh.http.submit({ type: "note", delayMs: 600_000 });
    const answer = getAt(follower, id, limits.waitMs);
    // A call behind it is answered: it has begun.
    expect((await getAt(follower, id, 0)).status).toBe(TaskStatus.SCHEDULED);

    // Lost, not held up as behind a cut: it must not get these entries after all.
    for (const one of others) mesh.faults.impair(one, follower, { lossRate: 1 });
    const leader = await mesh.leaderAmong(others);
    await mesh.http.expectOk("DELETE", `/tasks/${id}`);
    const endedBy = mesh.nodes.get(leader)?.raft.status().commit ?? 0;
    const load = mesh.load({ type: "note", data: { text: "x".repeat(2_000) } });
    await compacted(...others);
    expect(await stateOf(answer)).toBe("open");
    mesh.faults.heal();

    expect((await answer).status).toBe(TaskStatus.CANCELLED);
    expect(mesh.nodes.get(follower)?.raft.snapshotIndex).toBeGreaterThan(endedBy);
    await load.stop();
  });

  test("keeps its log within bounds, however long it works", async () => {
    mesh = await startMesh({ raft: COMPACTING });
    const sizeOf = (id: string, kind: string): number =>
      filesOf(id)
        .filter((name) => name.startsWith(kind))
        .map((name) => path.join(mesh.config.nodes.dataDir, "nodes", id, name))
        .reduce((sum, file) => sum + (statSync(file, { throwIfNoEntry: false })?.size ?? 0), 0);
    let largest = 0;

    for (let round = 0; round < 8; round++) {
      await submitLoad(mesh.http, { count: 1_500, queue: `round${round}`, type: "process" });
      for (const id of ["n1", "n2", "n3"]) {
        largest = Math.max(largest, sizeOf(id, "log-") - sizeOf(id, "snapshot-"));
      }
    }
    await waitFor("all are done", async () => {
      const { pending, running } = await mesh.http.counts();
      return pending + running === 0;
    });

    // Several MB of entries went through it; as much as a snapshot has may wait for the next one.
    expect(largest).toBeLessThan(1_500_000);
    await compacted("n1", "n2", "n3");
  });
});
