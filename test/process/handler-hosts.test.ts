// Handlers that do their worst, on a mesh of processes: what they cost is their own attempts.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { HealthView } from "../support/mesh-http.js";
import { Journal, journalHandlers } from "../support/journal.js";
import { MeshProcess } from "../support/mesh-process.js";
import { waitFor } from "../support/wait-for.js";

/** Some leases, and longer than an election takes. */
const BLOCK_MS = 3_000;

let mesh: MeshProcess;
let journal: Journal;

beforeAll(async () => {
  journal = new Journal();
  mesh = await MeshProcess.start({
    config: { worker: { handlers: journalHandlers } },
    env: { JOURNAL_FOLDER: journal.folder },
  });
}, 120_000);
afterAll(async () => {
  await mesh.close();
  journal.remove();
}, 60_000);

const term = async () => (await mesh.http.cluster()).leader?.term;
const pids = () => mesh.nodeIds.map((id) => mesh.nodePid(id));

describe("a handler that lets nothing else run", { timeout: 60_000 }, () => {
  test("runs once, on every node at once too, costs no election, and other types go on", async () => {
    await mesh.whole();
    const before = await term();
    const blocks = { type: "block", data: { ms: BLOCK_MS } };
    const tasks = await Promise.all(Array.from({ length: 3 }, () => mesh.http.submit(blocks)));
    for (const { id } of tasks) {
      await waitFor("it is started", () => journal.of(id, "started").length > 0);
    }

    const sleeping = await mesh.http.submit({ type: "sleep", data: { ms: 1 } });
    expect(await mesh.http.ended(sleeping.id)).toMatchObject({ status: "completed", attempts: 1 });

    for (const { id } of tasks) {
      expect(await mesh.http.ended(id)).toMatchObject({ status: "completed", attempts: 1 });
      expect(journal.of(id).map(({ event }) => event)).toEqual([
        "started",
        "unblocked",
        "went on",
        "ended",
      ]);
    }
    expect(await term()).toBe(before);
    const named = await waitFor("its type is named", async () => {
      const workers = await mesh.http.workers();
      return workers.flatMap(({ blockingTypes }) => blockingTypes)[0];
    });
    expect(named.type).toBe("block");
    expect(named.longestMs).toBeGreaterThan(BLOCK_MS / 2);
  });
});

describe("a handler that ends what it runs in", { timeout: 60_000 }, () => {
  test("ends no node: its task is dead with a reason, and health says what happens until it is over", async () => {
    await mesh.whole();
    const [before, running] = [await term(), pids()];
    const { id } = await mesh.http.submit({
      type: "exits",
      maxAttempts: 7,
      backoff: { type: "fixed", delayMs: 0 },
    });

    const reasons = await waitFor("health says so", async () => {
      const { status, reasons } = await mesh.http.expectOk<HealthView>("GET", "/health");
      return status === "degraded" && reasons;
    });
    const task = await mesh.http.ended(id);

    expect(reasons.join()).toMatch(
      /node n\d: the handler host has ended \d+ times in a row, the last time because exits/,
    );
    expect(task).toMatchObject({ status: "dead", attempts: 7 });
    expect(task.error?.message).toBe(
      `exits (task ${id}) called process.exit(1); let it return or throw instead`,
    );
    const next = await mesh.http.submit({ type: "note" });
    expect((await mesh.http.ended(next.id)).status).toBe("completed");
    expect(await term()).toBe(before);
    expect(pids()).toEqual(running);
  });
});

describe("a handler that throws what cannot be read", { timeout: 60_000 }, () => {
  test("fails as any other does", async () => {
    await mesh.whole();
    const running = pids();
    const { id } = await mesh.http.submit({ type: "throws-odd", maxAttempts: 1 });

    expect(await mesh.http.ended(id)).toMatchObject({
      status: "dead",
      error: { name: "NonError", message: "a value that cannot be read: object" },
    });
    expect(pids()).toEqual(running);
  });
});
