// Handlers that keep the processor busy, on a mesh of three real nodes of which each has two threads.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startMesh, type TestMesh } from "../support/start-mesh.js";
import { waitFor } from "../support/wait-for.js";

/** Times that a busy machine keeps, and that a handler which held its node up would not. */
const LEASE_MS = 2_000;
const RAFT = { tickMs: 150 };

let mesh: TestMesh;
beforeAll(async () => {
  mesh = await startMesh({ raft: RAFT, worker: { leaseMs: LEASE_MS, threads: { max: 2 } } });
}, 60_000);
afterAll(() => mesh.close(), 60_000);

describe("a handler that never yields, in a thread", () => {
  test("costs no node its lease and the leader not its leadership, and stops when it is cancelled", async () => {
    const leader = await mesh.leader();
    const term = mesh.termOf(leader);
    const burning = await Promise.all([1, 2, 3].map(() => mesh.http.submit({ type: "burn" })));
    for (const { id } of burning) {
      await waitFor("it runs", () => mesh.journal.of(id, "started").length === 1);
    }
    expect(
      new Set(burning.flatMap(({ id }) => mesh.journal.of(id).map(({ node }) => node))),
    ).toEqual(new Set(["n1", "n2", "n3"]));

    const sleeping = await mesh.http.submit({ type: "sleep", data: { ms: 2 * LEASE_MS } });
    expect(await mesh.http.ended(sleeping.id)).toMatchObject({ status: "completed", attempts: 1 });

    for (const { id } of burning) {
      expect(await mesh.http.task(id)).toMatchObject({ status: "running", attempts: 1 });
      await mesh.http.expectOk("DELETE", `/tasks/${id}`);
      await waitFor("it was told", () => mesh.journal.of(id, "aborted").length === 1);
      expect(mesh.journal.of(id, "aborted")).toMatchObject([{ reason: "cancelled" }]);
    }
    expect(await mesh.leader()).toBe(leader);
    expect(mesh.termOf(leader)).toBe(term);
  });

  test("is what cpu is: seconds of it on every node are one attempt each", async () => {
    const term = mesh.termOf(await mesh.leader());
    const burning = await Promise.all(
      [1, 2, 3].map(() => mesh.http.submit({ type: "cpu", data: { ms: 2 * LEASE_MS } })),
    );

    for (const { id } of burning) {
      expect(await mesh.http.ended(id)).toMatchObject({ status: "completed", attempts: 1 });
    }
    expect(mesh.termOf(await mesh.leader())).toBe(term);
  });
});
